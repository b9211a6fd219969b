#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "core/test_list.h"
#include "select/split.h"

namespace fittest::select {

// Tests by the number each has: those of number n are `of(n)`, in collection order.
class Gathered {
 public:
  // `numbers`: one for each test, all below `count`.
  Gathered(std::span<const std::uint32_t> numbers, std::size_t count);

  [[nodiscard]] std::size_t size() const { return starts_.size() - 1; }
  [[nodiscard]] std::span<const TestIndex> of(std::size_t number) const {
    return std::span(tests_).subspan(starts_[number], starts_[number + 1] - starts_[number]);
  }

 private:
  std::vector<TestIndex> tests_;
  std::vector<std::uint32_t> starts_;
};

// Everything in front of the last part of an id; of one that has no parts, the id.
std::string_view scope_of(std::string_view id);

// What is moved as one: whatever must stay whole, else each test. Units are in the order of their first tests.
Gathered units_of(const TestList& tests, KeepWhole keep_whole);

}  // namespace fittest::select
