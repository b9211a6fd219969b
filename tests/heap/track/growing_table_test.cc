#include "heap/track/growing_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace fittest::heap::track {
namespace {

// Keys fall on few places so that chains are long and wrap around.
template <typename Home>
void does_what_a_map_does(std::uint64_t step) {
  std::mt19937_64 random(5);
  GrowingTable<std::uint32_t, Home> table(1 << 14);
  std::map<std::uint64_t, std::uint32_t> model;
  for (int i = 0; i < 300'000; ++i) {
    const std::uint64_t key = step + random() % 3000 * step + (random() % 3 << 40);
    const auto value = static_cast<std::uint32_t>(random());
    switch (random() % 3) {
      case 0:
        if (!model.contains(key)) {
          ASSERT_TRUE(table.insert(key, value));
          model[key] = value;
        }
        break;
      case 1: {
        std::uint32_t taken = 0;
        const auto known = model.find(key);
        ASSERT_EQ(table.take(key, taken), known != model.end());
        if (known != model.end()) {
          ASSERT_EQ(taken, known->second);
          model.erase(known);
        }
        break;
      }
      default: {
        const std::uint32_t* found = table.find(key);
        const auto known = model.find(key);
        ASSERT_EQ(found != nullptr, known != model.end());
        if (found != nullptr) {
          ASSERT_EQ(*found, known->second);
        }
      }
    }
    ASSERT_EQ(table.size(), model.size());
  }
  std::multiset<std::uint32_t> values, visited;
  for (const auto& [key, value] : model) values.insert(value);
  table.each([&](std::uint32_t value) { visited.insert(value); });
  EXPECT_EQ(visited, values);
  table.release();
  table.each([](std::uint32_t) { FAIL() << "a value of an empty table"; });
  EXPECT_EQ(table.find(step), nullptr);
}

TEST(GrowingTable, DoesWhatAMapDoes) {
  does_what_a_map_does<ByItself>(1);
}

TEST(GrowingTable, DoesWhatAMapDoesWithAddresses) {
  for (const std::uint64_t step : {16U, 4096U, 65'536U, 2U << 20}) does_what_a_map_does<ByNeighbourhood>(step);
}

TEST(GrowingTable, IsFullAtItsBoundAndSaysSo) {
  GrowingTable<char> table(1024);
  std::size_t held = 0;
  while (table.insert(mixed(held + 1), 0)) ++held;
  EXPECT_EQ(held, 1024U);
  EXPECT_NE(table.find(mixed(1)), nullptr);
  char taken = 1;
  EXPECT_TRUE(table.take(mixed(1), taken));
  EXPECT_EQ(taken, 0);
  EXPECT_TRUE(table.insert(mixed(held + 1), 0));
  table.release();
}

}  // namespace
}  // namespace fittest::heap::track
