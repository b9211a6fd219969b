#include "plan/bound.h"

#include <gtest/gtest.h>

#include <vector>

namespace fittest::plan {
namespace {

TEST(LowerBound, OfNothingIsNothing) {
  EXPECT_EQ(lower_bound({}, 4, GiB(1)).value(), 0);
}

TEST(LowerBound, IsTheLongestTestWhereThatDecides) {
  const std::vector<Measured> tests = {{MiB(1), 10}, {MiB(1), 1}, {MiB(1), 1}};
  const LowerBound bound = lower_bound(tests, 4, GiB(1));
  EXPECT_DOUBLE_EQ(bound.longest, 10);
  EXPECT_DOUBLE_EQ(bound.by_cores, 3);
  EXPECT_DOUBLE_EQ(bound.value(), 10);
}

TEST(LowerBound, IsTheTimeByCoresWhereThatDecides) {
  const std::vector<Measured> tests(100, {MiB(1), 1});
  EXPECT_DOUBLE_EQ(lower_bound(tests, 4, GiB(1)).value(), 25);
  EXPECT_DOUBLE_EQ(lower_bound(tests, 0, GiB(1)).value(), 100) << "no core is counted as one";
}

TEST(LowerBound, IsTheMemoryTimesTimeWhereThatDecides) {
  const std::vector<Measured> tests(10, {MiB(512), 1});
  const LowerBound bound = lower_bound(tests, 8, GiB(1));
  EXPECT_DOUBLE_EQ(bound.by_memory, 5);
  EXPECT_DOUBLE_EQ(bound.value(), 5);
}

TEST(LowerBound, TestsOfMoreThanHalfTheBudgetComeOneAfterAnother) {
  const std::vector<Measured> tests(10, {MiB(600), 1});
  const LowerBound bound = lower_bound(tests, 8, GiB(1));
  EXPECT_NEAR(bound.by_memory, 5.86, 0.01);
  EXPECT_DOUBLE_EQ(bound.one_at_a_time, 10);
  EXPECT_DOUBLE_EQ(bound.value(), 10);
}

TEST(LowerBound, ATestOfMoreThanTheBudgetCountsAsTheBudget) {
  const std::vector<Measured> tests = {{GiB(4), 2}};
  EXPECT_DOUBLE_EQ(lower_bound(tests, 2, GiB(1)).by_memory, 2);
}

}  // namespace
}  // namespace fittest::plan
