#include "heap/read/mappings.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>

namespace fittest::heap {
namespace {

// Against an array of pages, each with the number of the mapping it belongs to.
TEST(Mappings, HoldsWhatAnArrayOfPagesHolds) {
  constexpr std::uint64_t kPages = 64;
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    Allowance allowance(UINT64_MAX);
    Mappings mappings(allowance);
    std::array<Cell, kPages> pages{};
    std::map<Cell, std::uint64_t> held;  // as told
    for (Cell number = kFirstCell; number < 200; ++number) {
      const std::uint64_t begin = random() % kPages;
      const std::uint64_t count = 1 + random() % (kPages - begin);
      std::map<Cell, std::uint64_t> before;
      for (const Cell page : pages) ++before[page];
      ASSERT_TRUE(mappings.cut(begin * 4096, count * 4096, [&](const auto& was, const auto& is) {
        EXPECT_EQ(was.cell, is.cell);
        EXPECT_EQ(held[was.cell], was.held);
        held[was.cell] = is.held;
      }));
      for (std::uint64_t i = begin; i < begin + count; ++i) pages[i] = kNoCell;
      if (random() % 2 == 0) {
        ASSERT_TRUE(mappings.add(begin * 4096, count * 4096, number, false));
        held[number] = count * 4096;
        for (std::uint64_t i = begin; i < begin + count; ++i) pages[i] = number;
      }
      std::map<Cell, std::uint64_t> now;
      for (const Cell page : pages) {
        if (page != kNoCell) now[page] += 4096;
      }
      std::erase_if(held, [](const auto& one) { return one.second == 0; });
      ASSERT_EQ(held, now);
    }
    std::array<Cell, kPages> seen{};
    mappings.for_each([&](std::uint64_t address, std::uint64_t size, const Mappings::Mapping& mapping) {
      for (std::uint64_t i = address / 4096; i < (address + size) / 4096; ++i) seen[i] = mapping.cell;
    });
    EXPECT_EQ(seen, pages);
  }
}

TEST(Mappings, TheEndOfTheAddressSpaceIsNoEnd) {
  Allowance allowance(UINT64_MAX);
  Mappings mappings(allowance);
  EXPECT_TRUE(mappings.add(UINT64_MAX - 10, UINT64_MAX, kFirstCell, false));
  int changes = 0;
  EXPECT_TRUE(mappings.cut(0, UINT64_MAX, [&](const auto& before, const auto& after) {
    ++changes;
    EXPECT_EQ(before.held, 10U);
    EXPECT_EQ(after.held, 0U);
  }));
  EXPECT_EQ(changes, 1);
}

TEST(Mappings, TakesNoMoreThanItIsAllowed) {
  Allowance allowance(1000);
  Mappings mappings(allowance);
  std::uint64_t added = 0;
  while (added < 1000 && mappings.add(added * 8192, 4096, kFirstCell, false)) ++added;
  EXPECT_GT(added, 2U);
  EXPECT_LT(added, 1000U);
  const auto ignore = [](const auto&, const auto&) {};
  EXPECT_FALSE(mappings.cut(1000, 8, ignore));  // would make three of one
  EXPECT_TRUE(mappings.cut(0, 4096, ignore));
}

}  // namespace
}  // namespace fittest::heap
