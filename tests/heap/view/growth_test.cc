#include "heap/view/growth.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace fittest::heap {
namespace {

using trace::Kind;

// One stack, with so many bytes after each repetition.
Held held(const std::vector<double>& bytes) {
  Held all;
  for (const double amount : bytes) {
    all.emplace_back();
    if (amount > 0) all.back().push_back({7, Kind::heap, {amount, 1, 0}});
  }
  return all;
}

bool grows(const std::vector<double>& bytes) {
  const auto growth = growth_of(held(bytes));
  return growth.size() == 1 && growth.front().grows();
}

TEST(Slope, OfAStraightLineIsExact) {
  const Slope slope = slope_of(std::vector<double>{5, 15, 25, 35});
  EXPECT_DOUBLE_EQ(slope.per_step, 10);
  EXPECT_EQ(slope.error, 0);
  EXPECT_TRUE(slope.is_above_zero());
}

TEST(Slope, HasTheErrorOfTheTextbook) {
  // y = 1, 3, 2, 5: slope 1.1, residuals 0.1, 0.9 ... sum of squares 2.7, two degrees of freedom.
  const Slope slope = slope_of(std::vector<double>{1, 3, 2, 5});
  EXPECT_DOUBLE_EQ(slope.per_step, 1.1);
  EXPECT_NEAR(slope.error, 4.303 * std::sqrt(2.7 / 2 / 5), 1e-9);
  EXPECT_FALSE(slope.is_above_zero());
}

TEST(Growth, ALeakGrows) {
  EXPECT_TRUE(grows({10, 20, 30, 40}));
  EXPECT_TRUE(grows({1000, 1010, 1021, 1029, 1040, 1051, 1060, 1070}));
}

TEST(Growth, ACacheThatFillsSettles) {
  EXPECT_FALSE(grows({500, 500, 500, 500}));
  EXPECT_FALSE(grows({100, 200, 300, 400, 400, 400, 400, 400}));
  EXPECT_FALSE(grows({1000, 10, 1000, 10, 1000, 10}));
}

TEST(Growth, WhatIsReplacedEachTimeSettles) {
  EXPECT_FALSE(grows({64, 64, 64, 64, 64, 64}));
}

TEST(Growth, WhatIsFreedInTheEndIsLeftOut) {
  EXPECT_TRUE(growth_of(held({10, 20, 30, 0})).empty());
}

TEST(Growth, NoiseIsTakenForGrowthNoMoreOftenThanItSays) {
  std::mt19937 random(7);
  std::normal_distribution<double> noise(10'000, 1'000);
  constexpr int kTries = 2000;
  int wrong = 0;
  for (int i = 0; i < kTries; ++i) {
    std::vector<double> bytes(10);
    for (double& amount : bytes) amount = noise(random);
    wrong += grows(bytes) ? 1 : 0;
  }
  EXPECT_LT(wrong, kTries * 0.035);  // 2.5 %, being above zero
}

TEST(Growth, StacksThatLookTheSameAreOne) {
  Held all;
  for (double i = 1; i <= 8; ++i) {
    const double early = std::min(i, 5.0), late = std::max(i - 5, 0.0);
    all.push_back({{0, Kind::python_object, {100 * early, early, 0}}});
    if (late > 0) all.back().push_back({1, Kind::heap, {100 * late, late, 0}});
    all.back().push_back({1, Kind::mapped, {4096, 1, 0}});
  }
  const auto growth = growth_of(join_stacks(all, [](std::uint32_t) { return 0U; }));
  ASSERT_EQ(growth.size(), 2U);
  EXPECT_TRUE(growth[0].grows());
  EXPECT_DOUBLE_EQ(growth[0].slope.per_step, 100);
  EXPECT_EQ(growth[0].held.back(), 800);
  EXPECT_EQ(growth[1].kind, Kind::mapped);
}

TEST(Growth, TheSteepestComesFirstAndThenTheLargestThatSettled) {
  Held all;
  for (double i = 1; i <= 6; ++i) {
    all.push_back({{0, Kind::heap, {50, 1, 0}},
                   {1, Kind::heap, {10 * i, 1, 0}},
                   {1, Kind::python_object, {20 * i, 1, 0}},
                   {2, Kind::mapped, {4096, 1, 0}}});
  }
  const auto growth = growth_of(all);
  ASSERT_EQ(growth.size(), 4U);
  EXPECT_EQ(growth[0].kind, Kind::python_object);
  EXPECT_DOUBLE_EQ(growth[0].slope.per_step, 20);
  EXPECT_EQ(growth[1].stack, 1U);
  EXPECT_EQ(growth[2].stack, 2U);
  EXPECT_EQ(growth[3].stack, 0U);
}

}  // namespace
}  // namespace fittest::heap
