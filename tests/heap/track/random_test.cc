#include "heap/track/random.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fittest::heap::track {
namespace {

TEST(Random, TheLogarithmIsThatOfTheLibrary) {
  Random random{12345};
  for (int i = 0; i < 100'000; ++i) {
    const double x = (static_cast<double>(random.next() >> 11) + 1) * 0x1p-53;
    ASSERT_NEAR(natural_log(x), std::log(x), 1e-9 * (1 + std::abs(std::log(x)))) << x;
  }
  EXPECT_NEAR(natural_log(1.0), 0, 1e-12);
  EXPECT_NEAR(natural_log(0x1p-53), std::log(0x1p-53), 1e-8);
}

// Mean and variance of an exponential distribution are m and m^2; bounds of five standard errors.
TEST(Random, DistancesAreExponential) {
  Random random{777};
  constexpr double kMean = 65536;
  constexpr int kDraws = 200'000;
  double sum = 0, squares = 0;
  int short_ones = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto x = static_cast<double>(random.exponential(kMean));
    ASSERT_GE(x, 1);
    sum += x;
    squares += x * x;
    short_ones += x < kMean / 10 ? 1 : 0;
  }
  const double mean = sum / kDraws;
  EXPECT_NEAR(mean, kMean, 5 * kMean / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws - mean * mean, kMean * kMean, 0.05 * kMean * kMean);
  const double expected = 1 - std::exp(-0.1);
  EXPECT_NEAR(static_cast<double>(short_ones) / kDraws, expected, 5 * std::sqrt(expected / kDraws));
}

}  // namespace
}  // namespace fittest::heap::track
