#include "core/nearest.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace fittest {
namespace {

constexpr std::array<std::string_view, 5> kKnown = {"duration", "peak", "and", "timed_out", "retained"};

TEST(Nearest, FindsTheWordThatWasMeant) {
  EXPECT_EQ(nearest("duraton", kKnown), "duration");
  EXPECT_EQ(nearest("peek", kKnown), "peak");
  EXPECT_EQ(nearest("adn", kKnown), std::nullopt);
  EXPECT_EQ(nearest("AND", kKnown), "and");
  EXPECT_EQ(nearest("ans", kKnown), "and");
  EXPECT_EQ(nearest("Timed-Out", kKnown), "timed_out");
}

TEST(Nearest, SaysNothingWhereNoWordIsNear) {
  EXPECT_EQ(nearest("memory", kKnown), std::nullopt);
  EXPECT_EQ(nearest("slow", kKnown), std::nullopt);
  EXPECT_EQ(nearest("", kKnown), std::nullopt);
  EXPECT_EQ(nearest("x", kKnown), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 'a'), kKnown), std::nullopt);
  EXPECT_EQ(nearest("peak", {}), std::nullopt);
}

}  // namespace
}  // namespace fittest
