#include "history/increase.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <vector>

namespace fittest::history {
namespace {

constexpr Bytes kLeast = KiB(1152);

Bytes allowed(std::vector<Bytes> peaks) {
  return allowed_peak(peaks);
}

TEST(Increase, OfOneRunAllowsLittleMore) {
  EXPECT_EQ(allowed({MiB(100)}), MiB(100) + kLeast);
  EXPECT_EQ(allowed({Bytes{0}}), kLeast);
}

TEST(Increase, RunsThatNeedTheSameMakeNoRoom) {
  EXPECT_EQ(allowed(std::vector(10, MiB(100))), MiB(100) + kLeast);
}

TEST(Increase, WhatAnyOfThemNeededIsAllowed) {
  EXPECT_GT(allowed({MiB(3), MiB(1), MiB(1)}), MiB(3));
}

TEST(Increase, WhatFellAgainWasNoise) {
  EXPECT_EQ(allowed({MiB(102), MiB(100), MiB(104), MiB(100)}), MiB(104) + MiB(2 * 5));
  EXPECT_EQ(allowed({MiB(3), MiB(1), MiB(2)}), MiB(3) + MiB(5));
}

TEST(Increase, WhatRoseAndStayedMakesNoRoomForMore) {
  EXPECT_EQ(allowed({MiB(1), MiB(50)}), MiB(50) + kLeast);
  EXPECT_EQ(allowed({MiB(1), MiB(1), MiB(50), MiB(50), MiB(100), MiB(100)}), MiB(100) + kLeast);
}

TEST(Increase, OfNoiseThatIsKnownIsSeldomTakenForOne) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise(100e6, 5e6);
  const auto peak = [&] { return Bytes{static_cast<std::uint64_t>(noise(random))}; };
  int taken = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::vector<Bytes> peaks;
    for (int run = 0; run < 10; ++run) peaks.push_back(peak());
    if (peak() > allowed(peaks)) ++taken;
    EXPECT_LT(allowed(peaks), MiB(200)) << "and yet twice as much is seen";
  }
  EXPECT_LT(taken, 50);
}

TEST(Increase, OfAbsurdFiguresDoesNotOverflow) {
  EXPECT_GE(allowed({Bytes{std::uint64_t{1} << 60}, Bytes{0}}), Bytes{std::uint64_t{1} << 60});
}

TEST(Increase, WithNothingToCompareIsABug) {
  EXPECT_THROW(allowed({}), std::invalid_argument);
}

}  // namespace
}  // namespace fittest::history
