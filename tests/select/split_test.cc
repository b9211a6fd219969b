#include "select/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>

namespace fittest::select {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Le;

// Tests of the durations given, one file each unless `per_file` says otherwise.
struct Suite {
  TestList tests;
  std::vector<Weight> weights;

  explicit Suite(const std::vector<Seconds>& durations, std::size_t per_file = 1) {
    for (std::size_t i = 0; i < durations.size(); ++i) {
      const auto file = static_cast<std::uint32_t>(i / per_file);
      tests.add("test_" + std::to_string(file) + ".py::test_" + std::to_string(i), {file, file, false, 0});
      weights.push_back({durations[i], {}});
    }
  }
};

SplitOptions options(unsigned splits, Algorithm algorithm = Algorithm::balanced) {
  SplitOptions made;
  made.splits = splits;
  made.algorithm = algorithm;
  return made;
}

Seconds largest(const Split& split) {
  Seconds most = 0;
  for (const GroupForecast& group : split.groups) most = std::max(most, group.wall);
  return most;
}

std::vector<std::uint32_t> sizes(const Split& split) {
  std::vector<std::uint32_t> found;
  for (const GroupForecast& group : split.groups) found.push_back(group.tests);
  return found;
}

constexpr Algorithm kAlgorithms[] = {Algorithm::balanced, Algorithm::duration_based_chunks, Algorithm::least_duration};

// --- as pytest-split ---

TEST(DurationBasedChunks, GoOnToTheNextGroupOnceOneHasItsShare) {
  // The first three examples of pytest-split's own tests.
  const Suite ten({1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  EXPECT_THAT(split(ten.tests, ten.weights, options(2, Algorithm::duration_based_chunks)).group_of,
              ElementsAre(0, 0, 0, 0, 0, 1, 1, 1, 1, 1));
  EXPECT_THAT(split(ten.tests, ten.weights, options(3, Algorithm::duration_based_chunks)).group_of,
              ElementsAre(0, 0, 0, 0, 1, 1, 1, 1, 2, 2));
  const Suite uneven({2, 2, 2, 10, 1, 1, 2, 1});
  EXPECT_THAT(split(uneven.tests, uneven.weights, options(3, Algorithm::duration_based_chunks)).group_of,
              ElementsAre(0, 0, 0, 0, 1, 1, 1, 1));
}

TEST(DurationBasedChunks, PutWhatPytestSplitCannotPlaceIntoTheLastGroup) {
  const Suite zero_at_the_end({1, 1, 0, 0});
  EXPECT_THAT(
      split(zero_at_the_end.tests, zero_at_the_end.weights, options(2, Algorithm::duration_based_chunks)).group_of,
      ElementsAre(0, 1, 1, 1));
  const Suite nothing({0, 0, 0, 0});
  EXPECT_THAT(split(nothing.tests, nothing.weights, options(2, Algorithm::duration_based_chunks)).group_of,
              ElementsAre(0, 0, 1, 1));
}

TEST(DurationBasedChunks, SumAsTheSuitesPythonDoes) {
  // Twenty times 0.1 is 2.0000000000000004 before Python 3.12, and 2.0 since; four times 0.1 is 0.4.
  const Suite suite(std::vector<Seconds>(20, 0.1));
  SplitOptions asked = options(5, Algorithm::duration_based_chunks);
  asked.summation = Summation::plain;
  EXPECT_THAT(sizes(split(suite.tests, suite.weights, asked)), ElementsAre(5, 5, 5, 5, 0));
  asked.summation = Summation::compensated;
  EXPECT_THAT(sizes(split(suite.tests, suite.weights, asked)), Each(4));
}

TEST(LeastDuration, GivesTheLongestToTheGroupWithTheSmallestSum) {
  const Suite suite({1, 4, 2, 3});
  EXPECT_THAT(split(suite.tests, suite.weights, options(2, Algorithm::least_duration)).group_of,
              ElementsAre(0, 0, 1, 1));
}

TEST(LeastDuration, TakesEqualTestsByTheirNameAsPytestPrintsIt) {
  TestList tests;
  for (const char* id :
       {"b.py::test_b", "a.py::TestX::test_c", "z.py::test_a[2-x::y]", "doc.py::doc.f", "z.py::test_a[1]"}) {
    tests.add(id, {});
  }
  const std::vector<Weight> weights(5, Weight{1, {}});
  // <DoctestItem doc.f>, <Function test_a[1]>, <Function test_a[2-x::y]>, <Function test_b>, <Function test_c>
  EXPECT_THAT(split(tests, weights, options(5, Algorithm::least_duration)).group_of, ElementsAre(3, 4, 2, 0, 1));
}

// --- balanced ---

TEST(Balanced, KeepsFilesTogetherWhereThatCostsNothing) {
  const Suite suite(std::vector<Seconds>(40, 0.5), 10);
  const Split halves = split(suite.tests, suite.weights, options(2));
  for (TestIndex test = 0; test < 40; ++test) EXPECT_EQ(halves.group_of[test], halves.group_of[test / 10 * 10]);
  EXPECT_DOUBLE_EQ(largest(halves), halves.lower_bound);
}

TEST(Balanced, CutsAFileThatIsTooLargeIntoFewPieces) {
  std::vector<Seconds> durations(100, 1.0);
  const Suite suite(durations, 100);
  const Split parts = split(suite.tests, suite.weights, options(4));
  EXPECT_THAT(sizes(parts), Each(25));
  int cuts = 0;
  for (TestIndex test = 1; test < 100; ++test) cuts += parts.group_of[test] != parts.group_of[test - 1] ? 1 : 0;
  EXPECT_LE(cuts, 7);
}

TEST(Balanced, SpreadsMemoryTooSoThatEveryGroupFitsItsMachine) {
  // Four tests hold all of the budget for a second: with four workers they still run one at a time.
  TestList tests;
  std::vector<Weight> weights;
  for (std::uint32_t i = 0; i < 16; ++i) {
    tests.add("test_" + std::to_string(i) + ".py::test", {i, i, false, 0});
    weights.push_back({1, i < 4 ? GiB(1) : MiB(1)});
  }
  SplitOptions asked = options(4);
  asked.budget = GiB(1);
  asked.workers = 4;
  const Split parts = split(tests, weights, asked);
  std::set<std::uint32_t> heavy(parts.group_of.begin(), parts.group_of.begin() + 4);
  EXPECT_EQ(heavy.size(), 4);
  for (const GroupForecast& group : parts.groups) {
    EXPECT_EQ(group.peak, GiB(1));
    EXPECT_LE(group.wall, 1.02);
  }
}

TEST(Balanced, SpreadsTestsThatWeighNothingByTheirNumber) {
  for (const std::size_t per_file : {1U, 10U, 1000U}) {
    const Suite suite(std::vector<Seconds>(1000, 0), per_file);
    const Split parts = split(suite.tests, suite.weights, options(10));
    EXPECT_THAT(sizes(parts), Each(Le(102))) << per_file;
  }
}

TEST(Balanced, AGiantTestIsTheBoundAndHasAGroupOfItsOwn) {
  const Suite suite({100, 1, 1, 1, 1, 1});
  const Split parts = split(suite.tests, suite.weights, options(3));
  EXPECT_DOUBLE_EQ(parts.lower_bound, 100);
  EXPECT_DOUBLE_EQ(largest(parts), 100);
  EXPECT_EQ(std::count(parts.group_of.begin(), parts.group_of.end(), parts.group_of[0]), 1);
}

TEST(Balanced, ExchangesWhatLongestFirstHasPlacedBadly) {
  // Longest first gives 3+2+2 and 3+2; best is 3+3 and 2+2+2.
  const Suite suite({3, 3, 2, 2, 2});
  EXPECT_DOUBLE_EQ(largest(split(suite.tests, suite.weights, options(2))), 6);
}

// --- of all of them ---

class AnyAlgorithm : public testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(Split, AnyAlgorithm, testing::ValuesIn(kAlgorithms),
                         [](const auto& each) { return std::string(name(each.param)); });

// Suites of many shapes, with nonsense among the weights.
struct RandomSuite {
  TestList tests;
  std::vector<Weight> weights;
  SplitOptions options;

  explicit RandomSuite(std::mt19937_64& random, Algorithm algorithm) {
    const std::size_t count = random() % 400;
    const std::size_t files = random() % 20 + 1;
    const bool odd = random() % 4 == 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto file = static_cast<std::uint32_t>(i * files / count);
      const std::string in_class = random() % 3 == 0 ? "::TestA" : "";
      tests.add("t" + std::to_string(file) + ".py" + in_class + "::test_" + std::to_string(i),
                {file, static_cast<std::uint32_t>(random() % 30), false, 0});
      Weight weight{std::exp(static_cast<double>(random() % 1000) / 100 - 7), KiB(random() % (1U << (random() % 22)))};
      if (random() % 10 == 0) weight.duration = 0;
      if (odd && random() % 10 == 0) weight.duration = -1;
      if (odd && random() % 10 == 0) weight.duration = std::numeric_limits<double>::quiet_NaN();
      if (odd && random() % 50 == 0) weight.duration = std::numeric_limits<double>::infinity();
      weights.push_back(weight);
    }
    options.algorithm = algorithm;
    options.splits = static_cast<unsigned>(random() % 24);
    options.keep_whole = static_cast<KeepWhole>(random() % 4);
    options.workers = static_cast<unsigned>(random() % 5);
    options.budget = random() % 4 == 0 ? Bytes{} : MiB(1U << (random() % 14));
  }
};

TEST_P(AnyAlgorithm, PutsEveryTestIntoOneGroupAndKeepsWholeWhatMustBe) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 400; ++round) {
    const RandomSuite suite(random, GetParam());
    const Split result = split(suite.tests, suite.weights, suite.options);
    const std::size_t splits = std::max(1U, suite.options.splits);
    ASSERT_EQ(result.group_of.size(), suite.tests.size());
    ASSERT_EQ(result.groups.size(), splits);
    std::vector<std::uint32_t> tests(splits);
    std::map<std::string, std::uint32_t> places;
    for (TestIndex test = 0; test < suite.tests.size(); ++test) {
      ASSERT_LT(result.group_of[test], splits);
      ++tests[result.group_of[test]];
      const std::string id(suite.tests.id(test));
      std::string unit = id;
      if (suite.options.keep_whole == KeepWhole::file) unit = id.substr(0, id.find("::"));
      if (suite.options.keep_whole == KeepWhole::scope) unit = id.substr(0, id.rfind("::"));
      if (suite.options.keep_whole == KeepWhole::group) unit = std::to_string(suite.tests.traits(test).group);
      EXPECT_EQ(places.try_emplace(unit, result.group_of[test]).first->second, result.group_of[test]) << unit;
    }
    EXPECT_EQ(sizes(result), tests);
    EXPECT_GE(largest(result), result.lower_bound * (1 - 1e-12));
    const Split again = split(suite.tests, suite.weights, suite.options);
    EXPECT_EQ(result.group_of, again.group_of);
  }
}

TEST_P(AnyAlgorithm, TakesNonsenseForNothing) {
  Suite suite({1, 0, 2, 0, 0, 3});
  const Split sane = split(suite.tests, suite.weights, options(3, GetParam()));
  suite.weights[1].duration = -5;
  suite.weights[3].duration = std::numeric_limits<double>::quiet_NaN();
  suite.weights[4].duration = std::numeric_limits<double>::infinity();
  EXPECT_EQ(split(suite.tests, suite.weights, options(3, GetParam())).group_of, sane.group_of);
}

TEST_P(AnyAlgorithm, LeavesGroupsEmptyWhereThereAreMoreThanTests) {
  const Suite suite({1, 1});
  const Split result = split(suite.tests, suite.weights, options(5, GetParam()));
  EXPECT_EQ(result.groups.size(), 5);
  EXPECT_NE(result.group_of[0], result.group_of[1]);
  const Suite empty({});
  EXPECT_THAT(sizes(split(empty.tests, empty.weights, options(3, GetParam()))), ElementsAre(0, 0, 0));
}

TEST(Balanced, IsNeverFarFromTheBoundWhereTestsAreSmall) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    RandomSuite suite(random, Algorithm::balanced);
    if (suite.tests.size() == 0) continue;
    suite.options.keep_whole = KeepWhole::nothing;
    // A group can always be filled up to the bound and one test more.
    const Split result = split(suite.tests, suite.weights, suite.options);
    Seconds longest = 0;
    for (const Weight& weight : suite.weights) {
      if (std::isfinite(weight.duration)) longest = std::max(longest, weight.duration);
    }
    EXPECT_LE(largest(result), 1.10 * result.lower_bound + longest + 1e-3) << round;
  }
}

// The best there is, by trying all.
Seconds best_by_trying(const Suite& suite, unsigned splits) {
  std::vector<Seconds> sums(splits);
  Seconds best = std::numeric_limits<Seconds>::max();
  const auto place = [&](const auto& self, std::size_t test) -> void {
    if (test == suite.weights.size()) {
      best = std::min(best, *std::max_element(sums.begin(), sums.end()));
      return;
    }
    for (Seconds& sum : sums) {
      sum += suite.weights[test].duration;
      self(self, test + 1);
      sum -= suite.weights[test].duration;
    }
  };
  place(place, 0);
  return best;
}

TEST(Balanced, IsNearTheBestOfAllSplits) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 150; ++round) {
    std::vector<Seconds> durations(random() % 8 + 1);
    for (Seconds& duration : durations) duration = static_cast<double>(random() % 100 + 1);
    const Suite suite(durations);
    const auto splits = static_cast<unsigned>(random() % 3 + 1);
    const Split result = split(suite.tests, suite.weights, options(splits));
    const Seconds best = best_by_trying(suite, splits);
    EXPECT_LE(result.lower_bound, best + 1e-9);
    EXPECT_LE(largest(result), 1.11 * best) << round;
  }
}

TEST(Balanced, MoreGroupsAreNeverMuchWorse) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 50; ++round) {
    RandomSuite suite(random, Algorithm::balanced);
    Seconds before = std::numeric_limits<Seconds>::max();
    for (unsigned splits = 1; splits < 12; ++splits) {
      suite.options.splits = splits;
      const Seconds now = largest(split(suite.tests, suite.weights, suite.options));
      EXPECT_LE(now, before * 1.05 + 1e-3) << round << ", " << splits << " groups";
      before = std::min(before, now);
    }
  }
}

}  // namespace
}  // namespace fittest::select
