#include "select/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>

namespace fittest::select {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

TestList list(const std::vector<std::string>& ids) {
  TestList tests;
  for (const std::string& id : ids) tests.add(id, {});
  return tests;
}

TestList many(int count) {
  TestList tests;
  for (int i = 0; i < count; ++i) tests.add("a.py::test_" + std::to_string(i), {});
  return tests;
}

OrderOptions shuffled(std::uint64_t seed, Bucket bucket) {
  return {Order::random, bucket, seed};
}

std::vector<TestIndex> sorted(std::vector<TestIndex> order) {
  std::sort(order.begin(), order.end());
  return order;
}

TEST(Order, AsCollectedChangesNothing) {
  EXPECT_THAT(order(many(3), {}, {}), ElementsAre(0, 1, 2));
  EXPECT_THAT(order(many(3), {}, shuffled(1, Bucket::none)), ElementsAre(0, 1, 2));
  EXPECT_TRUE(order(TestList(), {}, shuffled(1, Bucket::global)).empty());
}

TEST(Order, OfASeedIsTheSameForEver) {
  // Drawn by a second program from splitmix64 and Fisher-Yates as docs/splits.md has them.
  EXPECT_THAT(order(many(10), {}, shuffled(42, Bucket::global)), ElementsAre(0, 9, 5, 8, 6, 4, 7, 2, 1, 3));
  EXPECT_EQ(order(many(100), {}, shuffled(1, Bucket::module)), order(many(100), {}, shuffled(1, Bucket::module)));
  EXPECT_NE(order(many(100), {}, shuffled(1, Bucket::module)), order(many(100), {}, shuffled(2, Bucket::module)));
}

TEST(Order, EveryPlaceIsAsLikelyAsAnyOther) {
  const TestList tests = many(5);
  std::map<std::pair<std::size_t, TestIndex>, int> seen;
  constexpr int kRounds = 20'000;
  for (int seed = 0; seed < kRounds; ++seed) {
    const auto shuffle = order(tests, {}, shuffled(static_cast<std::uint64_t>(seed), Bucket::global));
    for (std::size_t place = 0; place < shuffle.size(); ++place) ++seen[{place, shuffle[place]}];
  }
  // The expectation is 4000, six standard deviations are 340.
  for (const auto& [where, times] : seen) EXPECT_NEAR(times, kRounds / 5, 340) << where.first << " " << where.second;
  EXPECT_EQ(seen.size(), 25);
}

// The buckets in the order in which they come; fails where one comes twice.
std::vector<std::string> buckets(const std::vector<std::string>& of, const std::vector<TestIndex>& order) {
  std::vector<std::string> found;
  for (const TestIndex test : order) {
    if (found.empty() || found.back() != of[test]) found.push_back(of[test]);
  }
  std::vector<std::string> unique = found;
  std::sort(unique.begin(), unique.end());
  EXPECT_TRUE(std::adjacent_find(unique.begin(), unique.end()) == unique.end());
  return unique;
}

TEST(Order, BucketsStayTogether) {
  const std::vector<std::string> ids = {"p/a.py::test_1",           "p/a.py::A::test_2", "p/a.py::A::test_3[x::y]",
                                        "p/a.py::A::B::test_4",     "p/b.py::test_5",    "q/c.py::A::test_6",
                                        "q/r/d.py::test_7[a/b::c]", "q/r/d.py::test_8",  "p/a.py::test_9"};
  const TestList tests = list(ids);
  const std::map<Bucket, std::vector<std::string>> expected = {
      {Bucket::package, {"p", "p", "p", "p", "p", "q", "q/r", "q/r", "p"}},
      {Bucket::module, {"a", "a", "a", "a", "b", "c", "d", "d", "a"}},
      {Bucket::class_, {"a", "aA", "aA", "aAB", "b", "cA", "d", "d", "a"}},
      {Bucket::parent, {"a", "aA", "aA", "aAB", "b", "cA", "d", "d", "a"}},
      {Bucket::grandparent, {"p", "a", "a", "aA", "p", "c", "q/r", "q/r", "p"}},
      {Bucket::global, std::vector<std::string>(9, "all")}};
  for (const auto& [bucket, of] : expected) {
    std::vector<std::string> unique = of;
    std::sort(unique.begin(), unique.end());
    unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
    bool moved = false;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const std::vector<TestIndex> found = order(tests, {}, shuffled(seed, bucket));
      EXPECT_THAT(sorted(found), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8));
      EXPECT_EQ(buckets(of, found), unique);
      moved = moved || found.front() != 0;
    }
    EXPECT_TRUE(moved);
  }
}

TEST(Order, FailedFirstTakesThoseWhoseLastVerdictWasAFailure) {
  std::vector<Facts> facts(6);
  const auto ended = [&](TestIndex test, Verdict verdict) {
    facts[test].known = true;
    facts[test].last = verdict;
  };
  ended(1, Verdict::passed);
  ended(2, Verdict::crashed);
  ended(3, Verdict::skipped);
  ended(4, Verdict::failed);
  ended(5, Verdict::xfailed);
  EXPECT_THAT(order(many(6), facts, {Order::failed_first, {}, 0}), ElementsAre(2, 4, 0, 1, 3, 5));
}

TEST(Order, SlowFirstHasUnknownTestsInFront) {
  std::vector<Facts> facts(6);
  for (const TestIndex test : {0U, 2U, 3U, 5U}) facts[test].known = true;
  facts[0].duration = 1;
  facts[2].duration = 5;
  facts[3].duration = 1;
  facts[5].duration = 2;
  EXPECT_THAT(order(many(6), facts, {Order::slow_first, {}, 0}), ElementsAre(1, 4, 2, 5, 0, 3));
}

}  // namespace
}  // namespace fittest::select
