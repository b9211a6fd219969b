#pragma once
// The order in which tests are started. Pure.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/facts.h"
#include "core/test_list.h"

namespace fittest::select {

// The word behind --order.
enum class Order { collected, random, failed_first, slow_first };
std::optional<Order> order_from(std::string_view word);

// What stays together when shuffled (--random-order-bucket, words of pytest-random-order 1.2): the tests of each bucket
// are shuffled, then the buckets. As far as an id says it: a package is a folder, whether or not it has an
// `__init__.py`; a parent is the class, or the file of a test in none. `none` shuffles nothing.
enum class Bucket { global, package, module, class_, parent, grandparent, none };
std::optional<Bucket> bucket_from(std::string_view word);

struct OrderOptions {
  Order order = Order::collected;
  Bucket bucket = Bucket::module;
  std::uint64_t seed = 0;
};

// All tests, each once. The same input gives the same order on every machine: the shuffle draws from splitmix64 begun
// with the seed, and is part of what users rely on. `failed_first` and `slow_first` leave equal tests as collected;
// unknown tests come in front of the slow ones, because any of them may be the slowest. `facts`: one for each test;
// not looked at by `collected` and `random`.
std::vector<TestIndex> order(const TestList& tests, std::span<const Facts> facts, const OrderOptions& options);

}  // namespace fittest::select
