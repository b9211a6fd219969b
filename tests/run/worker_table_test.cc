#include "run/worker_table.h"

#include <gtest/gtest.h>

#include <random>

namespace fittest::run {
namespace {

TEST(WorkerTable, GivesTheLowestSlotThatIsFree) {
  WorkerTable table;
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.add(WorkerId{0}).slot, 0U);
  EXPECT_EQ(table.add(WorkerId{1}).slot, 1U);
  EXPECT_EQ(table.add(WorkerId{2}).slot, 2U);
  table.remove(WorkerId{1});
  EXPECT_EQ(table.add(WorkerId{3}).slot, 1U);
  EXPECT_EQ(table.add(WorkerId{4}).slot, 3U);
  EXPECT_EQ(table.size(), 4U);
}

TEST(WorkerTable, FindsByIdUntilRemoved) {
  WorkerTable table;
  RunningWorker& worker = table.add(WorkerId{7});
  EXPECT_EQ(worker.id, WorkerId{7});
  EXPECT_EQ(table.find(WorkerId{7}), &worker);
  EXPECT_EQ(table.find(WorkerId{8}), nullptr);
  table.remove(WorkerId{8});
  table.remove(WorkerId{7});
  EXPECT_EQ(table.find(WorkerId{7}), nullptr);
  table.remove(WorkerId{7});
  EXPECT_EQ(table.add(WorkerId{9}).slot, 0U) << "removed twice, free once";
  EXPECT_EQ(table.add(WorkerId{10}).slot, 1U);
}

TEST(WorkerTable, WorkersStayInPlaceWhileOthersComeAndGo) {
  WorkerTable table;
  RunningWorker& kept = table.add(WorkerId{500});
  for (std::uint32_t i = 0; i < 1000; ++i) {
    if (i != 500) table.add(WorkerId{i});
    if (i > 3 && i - 3 != 500) table.remove(WorkerId{i - 3});
  }
  EXPECT_EQ(table.find(WorkerId{500}), &kept);
}

TEST(WorkerTable, NoTwoOfThoseAliveShareASlotAndNoSlotIsLost) {
  WorkerTable table;
  std::mt19937 random(3);
  std::vector<WorkerId> alive;
  std::uint32_t next = 0;
  for (int round = 0; round < 5000; ++round) {
    if (alive.empty() || (alive.size() < 20 && random() % 2 == 0)) {
      alive.push_back(WorkerId{next++});
      ASSERT_LT(table.add(alive.back()).slot, 20U);
    } else {
      const auto at = static_cast<std::ptrdiff_t>(random() % alive.size());
      table.remove(alive[static_cast<std::size_t>(at)]);
      alive.erase(alive.begin() + at);
    }
    std::set<unsigned> slots;
    for (const auto& [id, worker] : table) slots.insert(worker.slot);
    ASSERT_EQ(slots.size(), alive.size());
  }
}

TEST(WorkerTable, ClearedItStartsAnew) {
  WorkerTable table;
  table.add(WorkerId{0});
  table.add(WorkerId{1});
  table.clear();
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.find(WorkerId{0}), nullptr);
  EXPECT_EQ(table.add(WorkerId{2}).slot, 0U);
}

}  // namespace
}  // namespace fittest::run
