#include "heap/read/live_table.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>
#include <vector>

namespace fittest::heap {
namespace {

TEST(LiveTable, HoldsWhatAMapHolds) {
  std::mt19937_64 random(1);
  for (const std::uint64_t range : {std::uint64_t{1} << 6, std::uint64_t{1} << 14, UINT64_MAX}) {
    Allowance allowance(UINT64_MAX);
    LiveTable table(allowance);
    std::unordered_map<std::uint64_t, std::uint64_t> model;
    for (int i = 0; i < 200'000; ++i) {
      const std::uint64_t address = range == UINT64_MAX ? random() % 65'536 * 0x1000'0000'0000 : random() % range * 16;
      // More come than go at first, and the other way round later.
      if (random() % 100 < (i < 100'000 ? 60U : 40U)) {
        ASSERT_TRUE(table.make_room());
        LiveEntry& entry = table.put(address);
        EXPECT_EQ(entry.cell != kNoCell, model.contains(address));
        entry.cell = kFirstCell;
        entry.size = static_cast<std::uint64_t>(i);
        model[address] = static_cast<std::uint64_t>(i);
      } else {
        LiveEntry entry;
        const auto known = model.find(address);
        ASSERT_EQ(table.take(address, entry), known != model.end());
        if (known == model.end()) continue;
        EXPECT_EQ(entry.size, known->second);
        model.erase(known);
      }
      ASSERT_EQ(table.count(), model.size());
    }
    std::size_t seen = 0;
    table.for_each([&](const LiveEntry& entry) {
      ++seen;
      ASSERT_TRUE(model.contains(entry.address));
      EXPECT_EQ(model[entry.address], entry.size);
    });
    EXPECT_EQ(seen, model.size());
  }
}

TEST(LiveTable, TakesNoMoreThanItIsAllowed) {
  Allowance allowance(std::uint64_t{1} << 20);
  LiveTable table(allowance);
  std::uint64_t put = 0;
  while (table.make_room()) table.put(++put * 16).cell = kFirstCell;
  EXPECT_GT(put, 10'000U);
  EXPECT_LT(put * sizeof(LiveEntry), std::uint64_t{1} << 20);
  LiveEntry entry;
  EXPECT_TRUE(table.take(16, entry));
  EXPECT_TRUE(table.make_room());
}

}  // namespace
}  // namespace fittest::heap
