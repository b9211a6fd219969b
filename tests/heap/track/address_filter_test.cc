#include "heap/track/address_filter.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <vector>

namespace fittest::heap::track {
namespace {

const void* at(std::uint64_t address) {
  return reinterpret_cast<const void*>(address);
}

// In a heap of `bytes`: none of those that are held is denied; `count` of those that are not, of 100,000, may be.
std::size_t held_for_nothing(AddressFilter& filter, std::uint64_t bytes, std::size_t held) {
  std::mt19937_64 random(3);
  std::set<std::uint64_t> model;
  const auto any = [&] { return 0x7F00'0000'0000 + random() % (bytes / 16) * 16; };
  while (model.size() < held) {
    if (const std::uint64_t address = any(); model.insert(address).second) filter.add(at(address));
    // As many again that come and go.
    if (const std::uint64_t address = any(); !model.contains(address)) {
      filter.add(at(address));
      filter.remove(at(address));
    }
  }
  for (const std::uint64_t address : model) EXPECT_TRUE(filter.may_hold(at(address)));
  std::size_t for_nothing = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t address = any();
    if (!model.contains(address) && filter.may_hold(at(address))) ++for_nothing;
  }
  for (const std::uint64_t address : model) filter.remove(at(address));
  for (const std::uint64_t address : model) EXPECT_FALSE(filter.may_hold(at(address)));
  return for_nothing;
}

TEST(AddressFilter, DeniesNothingThatItHoldsAndMostOfWhatItDoesNot) {
  const auto filter = std::make_unique<AddressFilter>();
  EXPECT_EQ(held_for_nothing(*filter, std::uint64_t{1} << 22, 64), 0U);
  EXPECT_LT(held_for_nothing(*filter, std::uint64_t{1} << 30, 16'384), 3'000U);
}

// What falls on the same place as one that is held, and is not 512 MiB away from it, is denied all the same.
TEST(AddressFilter, KnowsOneAloneByItsMark) {
  const auto filter = std::make_unique<AddressFilter>();
  const std::uint64_t held = 0x7F12'3456'7890;
  filter->add(at(held));
  for (std::uint64_t i = 1; i < 16; ++i) {
    EXPECT_FALSE(filter->may_hold(at(held + (i << 25))));
    EXPECT_FALSE(filter->may_hold(at((held & ~std::uint64_t{0xF0}) | ((held + 16 * i) & 0xF0))));
  }
  // Beside another they are not told apart, but once it is gone.
  const std::uint64_t other = held + (std::uint64_t{3} << 25);
  filter->add(at(other));
  EXPECT_TRUE(filter->may_hold(at(held + (std::uint64_t{1} << 25))));
  filter->remove(at(held));
  EXPECT_TRUE(filter->may_hold(at(other)));
  EXPECT_FALSE(filter->may_hold(at(held)));
}

// A place counts no further than it can; what fell on it is never denied, not even when all else there is gone.
TEST(AddressFilter, APlaceThatIsFullStaysSo) {
  const auto filter = std::make_unique<AddressFilter>();
  const auto address = [](std::uint64_t i) { return at(0x1000 + (i << 25)); };
  for (std::uint64_t i = 0; i < 300; ++i) filter->add(address(i));
  for (std::uint64_t i = 1; i < 300; ++i) filter->remove(address(i));
  EXPECT_TRUE(filter->may_hold(address(0)));
  filter->remove(address(0));
  EXPECT_TRUE(filter->may_hold(address(0)));
  EXPECT_FALSE(filter->may_hold(at(0x2000)));
}

}  // namespace
}  // namespace fittest::heap::track
