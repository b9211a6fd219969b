#include "merge/run.h"

#include <gtest/gtest.h>

#include "runs.h"

namespace fittest::merge {
namespace {

TEST(Run, IsNamedByWhatItWasAskedToDo) {
  EXPECT_EQ(RunBuilder(1, {}).build().name(), "run-001");
  EXPECT_EQ(RunBuilder(1, {}).group(3, 4).build().name(), "group 3/4");
  EXPECT_EQ(RunBuilder(1, {}).variant("py3.12").chunk("unit").group(3, 4).build().name(), "py3.12, unit, group 3/4");
  EXPECT_EQ(RunBuilder(1, {}).chunk("unit").build().name(), "unit");
}

TEST(Run, WithoutEventsItHasTheNameOfItsFolder) {
  merge::Run run;
  run.folder = "artifacts/20260102-030405-77";
  EXPECT_EQ(run.id(), "20260102-030405-77");
  EXPECT_EQ(run.suite(), "pytest");
  EXPECT_EQ(run.lasted(), 0);
  EXPECT_EQ(run.started(), 1767323045);
}

TEST(Run, AnOlderRunStartedWhenItsIdSays) {
  merge::Run run = RunBuilder(1, {});
  EXPECT_EQ(run.started(), 1700000100);
  run.journal.started->started_at = 0;
  EXPECT_EQ(run.started(), 0);
  run.journal.started->run_id = "20260102-030405-77";
  EXPECT_EQ(run.started(), 1767323045);
  run.journal.started->run_id = "00000102-030405-77";
  EXPECT_EQ(run.started(), 0);
}

TEST(Run, OrderIsByStartThenIdThenHowFarItGot) {
  const merge::Run first = RunBuilder(1, {});
  const merge::Run second = RunBuilder(2, {});
  EXPECT_TRUE(starts_before(first, second));
  EXPECT_FALSE(starts_before(second, first));
  EXPECT_FALSE(starts_before(first, first));
  merge::Run copy = first;
  copy.journal.until += 1;
  EXPECT_TRUE(starts_before(first, copy));
  EXPECT_FALSE(is_same(first, copy));
  EXPECT_TRUE(is_same(first, first));
}

TEST(Run, TheSameIdOnTwoMachinesAreTwoRuns) {
  merge::Run other = RunBuilder(1, {});
  other.journal.started->host = "elsewhere";
  EXPECT_FALSE(is_same(RunBuilder(1, {}), other));
}

}  // namespace
}  // namespace fittest::merge
