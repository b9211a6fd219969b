#include "merge/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "runs.h"
#include "support/folder.h"

namespace fittest::merge {
namespace {

using enum Verdict;

class Record : public ::testing::Test {
 protected:
  std::vector<history::Known> record(const std::vector<merge::Run>& runs) {
    auto store = history::Store::open(file_);
    record_runs(runs, store);
    EXPECT_THAT(store.notices(), ::testing::IsEmpty());
    return store.all("pytest");
  }
  Folder folder_;
  const std::filesystem::path file_ = folder_.path() / "history.db";
};

bool same(const history::Known& a, const history::Known& b) {
  return a.id == b.id && a.peak == b.peak && a.at_least == b.at_least && a.retained == b.retained &&
         a.duration == b.duration && a.runs == b.runs && a.last == b.last;
}

TEST_F(Record, WhatTheRunsMeasuredIsKnown) {
  merge::Run run = RunBuilder(2, {{"b", failed}});
  run.journal.killed = {{"b", MiB(700)}};
  const auto known = record({RunBuilder(1, {{"a", passed}, {"b", passed}}), run});
  ASSERT_EQ(known.size(), 2U);
  EXPECT_EQ(known[0].id, "a");
  EXPECT_EQ(known[0].peak, MiB(1));
  EXPECT_EQ(known[0].duration, 0.25);
  EXPECT_EQ(known[0].runs, 1U);
  EXPECT_EQ(known[1].runs, 2U);
  EXPECT_EQ(known[1].at_least, MiB(700));
  EXPECT_EQ(known[1].last, failed);
}

TEST_F(Record, WhatTheyAllocatedToo) {
  merge::Run first = RunBuilder(1, {{"a", passed}});
  first.journal.finished[0].heap = HeapFigures{MiB(9), MiB(20), 30, MiB(8)};
  merge::Run second = RunBuilder(2, {{"a", failed}});
  second.journal.finished[0].heap = HeapFigures{MiB(7), MiB(10), 15, MiB(6)};
  const auto known = record({first, second});
  ASSERT_TRUE(known.at(0).heap);
  EXPECT_EQ(known[0].heap->peak, MiB(9));
  EXPECT_EQ(known[0].heap->allocated, MiB(10));
  EXPECT_EQ(known[0].heap->allocations, 15U);
  EXPECT_THAT(history::Store::open(file_).body_peaks("pytest", {"a"}).at(0), ::testing::ElementsAre(MiB(8)));
}

TEST_F(Record, AgainItChangesNothing) {
  const std::vector<merge::Run> runs = {RunBuilder(1, {{"a", passed}, {"b", failed}}),
                                        RunBuilder(2, {{"c", skipped}}).killed()};
  const auto once = record(runs);
  const auto twice = record(runs);
  ASSERT_EQ(once.size(), 3U);
  EXPECT_TRUE(std::ranges::equal(once, twice, same));
}

TEST_F(Record, AgainAfterManyOtherRunsItChangesNothing) {
  record({RunBuilder(1, {{"a", passed}})});
  std::vector<merge::Run> others;
  for (unsigned number = 2; number < 20; ++number) others.push_back(RunBuilder(number, {{"a", failed}}));
  const auto before = record(others);
  const auto after = record({RunBuilder(1, {{"a", passed}})});
  EXPECT_TRUE(std::ranges::equal(before, after, same));
  EXPECT_EQ(after[0].runs, 19U);
}

TEST_F(Record, ACopyOfTheHistoryKnowsTheSame) {
  auto store = history::Store::open(file_);
  record_runs({RunBuilder(1, {{"a", passed}, {"b", failed}})}, store);
  const auto copy = folder_.path() / "new" / "copy.db";
  for (int twice = 0; twice < 2; ++twice) ASSERT_TRUE(store.copy_to(copy));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(copy.parent_path()), {}), 1);
  auto read = history::Store::open_to_read(copy);
  ASSERT_TRUE(read);
  EXPECT_TRUE(std::ranges::equal(read->all("pytest"), store.all("pytest"), same));
  std::filesystem::create_directory(folder_.path() / "folder");
  EXPECT_FALSE(store.copy_to(folder_.path() / "folder"));
  EXPECT_EQ(store.all("pytest").size(), 2U);
}

TEST_F(Record, TwoMachinesWithTheSameRunIdAreBothRecorded) {
  merge::Run other = RunBuilder(1, {{"b", passed}});
  other.journal.started->host = "elsewhere";
  EXPECT_EQ(record({RunBuilder(1, {{"a", passed}}), other}).size(), 2U);
}

}  // namespace
}  // namespace fittest::merge
