#include "export/pod_needs.h"

#include <gtest/gtest.h>

#include <vector>

namespace fittest::exporting {
namespace {

plan::Prediction measured(Bytes peak, Seconds duration) {
  plan::Prediction test;
  test.peak = peak;
  test.duration = duration;
  test.known = true;
  return test;
}

// 100 s of tests in all, 10 s the longest.
std::vector<plan::Prediction> suite() {
  std::vector<plan::Prediction> tests(90, measured(MiB(10), 1));
  tests.push_back(measured(MiB(1500), 10));
  tests.push_back(measured(MiB(300), 0));
  return tests;
}

TEST(PodNeeds, HasRoomForTheHungriestTestsBesideEachOther) {
  const PodNeeds needs = pod_needs(suite(), MiB(471), {.splits = 2, .cpus = 3});
  EXPECT_EQ(needs.cpus, 3U);
  EXPECT_EQ(needs.budget, MiB(471 + 1500 + 300 + 10 + 3 * 12));
  EXPECT_GE(needs.memory, needs.budget.scaled(1 / 0.7));
  EXPECT_EQ(
      needs.memory_source,
      "budget 2.3 GiB: session 471 MiB, the 3 hungriest tests at once 1.8 GiB (92 of 92 tests measured), 36 MiB for "
      "their workers; it is 70 % of the pod's memory");
}

TEST(PodNeeds, TakesTheBudgetThatTheUserNames) {
  const PodNeeds needs = pod_needs(suite(), MiB(471), {.splits = 2, .budget = GiB(7)});
  EXPECT_EQ(needs.budget, GiB(7));
  EXPECT_EQ(needs.memory, GiB(10));
  EXPECT_EQ(needs.memory_source, "--budget 7.0 GiB; it is 70 % of the pod's memory");
}

TEST(PodNeeds, AsksForNoMoreCpusThanAGroupCanUse) {
  EXPECT_EQ(pod_needs(suite(), {}, {.splits = 4}).cpus, 3U);   // 25 s, 10 s the longest
  EXPECT_EQ(pod_needs(suite(), {}, {.splits = 20}).cpus, 1U);  // 5 s
  EXPECT_EQ(pod_needs(suite(), {}, {.splits = 1}).cpus, 4U);
  EXPECT_EQ(pod_needs(suite(), {}, {.splits = 1, .cpus = 9}).cpus, 9U);
  EXPECT_EQ(pod_needs(suite(), {}, {.splits = 4}).cpus_source,
            "a group has 25.0 s of tests, the longest test takes 10.0 s; at most 4 unless --cpus says so");
}

TEST(PodNeeds, OfASuiteOfWhichNothingIsKnownSaysSo) {
  const std::vector<plan::Prediction> tests(3, {MiB(64), 0.1, false, {}});
  PodNeeds needs = pod_needs(tests, std::nullopt, {.splits = 3});
  EXPECT_NE(needs.memory_source.find("a guess"), std::string::npos) << needs.memory_source;
  EXPECT_NE(needs.memory_source.find("0 of 3 tests measured"), std::string::npos) << needs.memory_source;
  set_deadline(needs, tests, {}, {});
  EXPECT_EQ(needs.deadline, 3600);
  EXPECT_EQ(needs.deadline_source, "no test was measured yet");
}

TEST(PodNeeds, OfNoTestsIsLittleAndNotNothing) {
  const PodNeeds needs = pod_needs({}, Bytes{}, {.splits = 3});
  EXPECT_EQ(needs.cpus, 1U);
  EXPECT_EQ(needs.budget, MiB(128));
}

TEST(PodNeeds, TheDeadlineIsThatOfTheLongestGroup) {
  PodNeeds needs;
  std::vector<select::GroupForecast> groups(3);
  groups[1].wall = 300;
  set_deadline(needs, suite(), groups, {});
  EXPECT_EQ(needs.deadline, 1200);
  EXPECT_EQ(needs.deadline_source,
            "2 times the 5.0 min expected of the longest group, and 10.0 min for what is no test");
  set_deadline(needs, suite(), groups, {.deadline = 77});
  EXPECT_EQ(needs.deadline, 77);
  EXPECT_EQ(needs.deadline_source, "--timeout");
}

}  // namespace
}  // namespace fittest::exporting
