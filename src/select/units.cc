#include "select/units.h"

#include <unordered_map>
#include <utility>

namespace fittest::select {
namespace {

template <typename Key, typename KeyOf>
Gathered gather_by(const TestList& tests, const KeyOf& key_of) {
  std::unordered_map<Key, std::uint32_t> numbers;
  std::vector<std::uint32_t> number_of(tests.size());
  for (TestIndex test = 0; test < tests.size(); ++test) {
    number_of[test] = numbers.try_emplace(key_of(test), static_cast<std::uint32_t>(numbers.size())).first->second;
  }
  return {number_of, numbers.size()};
}

}  // namespace

Gathered::Gathered(std::span<const std::uint32_t> numbers, std::size_t count)
    : tests_(numbers.size()), starts_(count + 1) {
  for (const std::uint32_t number : numbers) ++starts_[number];
  std::uint32_t sum = 0;
  for (std::uint32_t& start : starts_) sum += std::exchange(start, sum);
  std::vector<std::uint32_t> next = starts_;
  for (TestIndex test = 0; test < numbers.size(); ++test) tests_[next[numbers[test]]++] = test;
}

std::string_view scope_of(std::string_view id) {
  const std::size_t name = parts_of(id).name.size();
  return name == id.size() ? id : id.substr(0, id.size() - name - 2);
}

Gathered units_of(const TestList& tests, KeepWhole keep_whole) {
  switch (keep_whole) {
    case KeepWhole::file:
      return gather_by<std::uint32_t>(tests, [&](TestIndex test) { return tests.traits(test).file; });
    case KeepWhole::scope:
      return gather_by<std::string_view>(tests, [&](TestIndex test) { return scope_of(tests.id(test)); });
    case KeepWhole::group:
      return gather_by<std::uint32_t>(tests, [&](TestIndex test) { return tests.traits(test).group; });
    case KeepWhole::nothing:
      break;
  }
  return gather_by<TestIndex>(tests, [](TestIndex test) { return test; });
}

}  // namespace fittest::select
