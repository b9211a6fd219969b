#include "select/order.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_map>
#include <utility>

namespace fittest::select {
namespace {

// splitmix64 (Steele, Lea, Flood 2014): ours, so that a seed means the same order wherever fittest was built.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // Every number below `bound` is as likely as any other: a draw below 2^64 mod bound is one too many, and not taken.
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t surplus = (0 - bound) % bound;
    std::uint64_t drawn = next();
    while (drawn < surplus) drawn = next();
    return drawn % bound;
  }

 private:
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  std::uint64_t state_;
};

// Fisher-Yates, from the end.
template <typename Value>
void shuffle(std::vector<Value>& values, Random& random) {
  for (std::size_t left = values.size(); left > 1; --left) std::swap(values[left - 1], values[random.below(left)]);
}

std::string_view up_to_last(std::string_view text, std::string_view separator) {
  const std::size_t at = text.rfind(separator);
  return at == std::string_view::npos ? std::string_view{} : text.substr(0, at);
}

// A text that the tests of one bucket share.
std::string_view bucket_of(std::string_view id, Bucket bucket) {
  const IdParts parts = parts_of(id);
  const std::string_view folder = up_to_last(parts.file, "/");
  const bool in_class = !parts.class_name.empty();
  const std::string_view parent = in_class ? id.substr(0, parts.file.size() + 2 + parts.class_name.size()) : parts.file;
  switch (bucket) {
    case Bucket::package:
      return folder;
    case Bucket::module:
      return parts.file;
    case Bucket::class_:
    case Bucket::parent:
      return parent;
    case Bucket::grandparent:
      return in_class ? up_to_last(parent, "::") : folder;
    case Bucket::global:
    case Bucket::none:
      break;
  }
  return {};
}

std::vector<TestIndex> shuffled(const TestList& tests, const OrderOptions& options) {
  std::unordered_map<std::string_view, std::size_t> numbers;
  std::vector<std::vector<TestIndex>> buckets;
  for (TestIndex test = 0; test < tests.size(); ++test) {
    const auto [found, is_new] = numbers.try_emplace(bucket_of(tests.id(test), options.bucket), buckets.size());
    if (is_new) buckets.emplace_back();
    buckets[found->second].push_back(test);
  }
  Random random(options.seed);
  for (std::vector<TestIndex>& bucket : buckets) shuffle(bucket, random);
  shuffle(buckets, random);
  std::vector<TestIndex> order;
  order.reserve(tests.size());
  for (const std::vector<TestIndex>& bucket : buckets) order.insert(order.end(), bucket.begin(), bucket.end());
  return order;
}

}  // namespace

std::vector<TestIndex> order(const TestList& tests, std::span<const Facts> facts, const OrderOptions& options) {
  if (options.order == Order::random && options.bucket != Bucket::none) return shuffled(tests, options);
  std::vector<TestIndex> order(tests.size());
  std::iota(order.begin(), order.end(), TestIndex{0});
  if (options.order == Order::failed_first) {
    std::stable_partition(order.begin(), order.end(),
                          [&](TestIndex test) { return facts[test].known && is_failure(facts[test].last); });
  } else if (options.order == Order::slow_first) {
    std::stable_sort(order.begin(), order.end(), [&](TestIndex a, TestIndex b) {
      if (facts[a].known != facts[b].known) return facts[b].known;
      return facts[a].known && facts[a].duration > facts[b].duration;
    });
  }
  return order;
}

}  // namespace fittest::select
