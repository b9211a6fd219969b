// One rule each, small enough to follow by hand.
#include "plan/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "plan/simulation.h"

namespace fittest::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TestSpec known(std::uint32_t file, Bytes peak, Seconds duration) {
  TestSpec spec;
  spec.prediction = {peak, duration, true, {}};
  spec.file = file;
  spec.group = file;
  return spec;
}
TestSpec unknown(std::uint32_t file) {
  TestSpec spec;
  spec.prediction = {MiB(64), 0.1, false, {}};
  spec.file = file;
  spec.group = file;
  return spec;
}

Limits limits(Bytes budget, unsigned workers) {
  return {budget, workers, MiB(10), MiB(128)};
}

// A scheduler, and what it decided last, sorted by kind.
struct Desk {
  Desk(std::vector<TestSpec> tests, const Limits& given, Dist dist = Dist::load)
      : scheduler(std::move(tests), given, dist, 0) {}

  void decide() {
    started.clear();
    batches.clear();
    retired.clear();
    for (Decision& each : scheduler.decide(now)) {
      if (auto* start = std::get_if<StartWorker>(&each)) started.push_back(start->worker);
      if (auto* run = std::get_if<RunBatch>(&each)) batches.push_back(std::move(*run));
      if (auto* retire = std::get_if<RetireWorker>(&each)) retired.push_back(*retire);
    }
  }
  // Decides, and lets the workers start that were wanted, until a batch is given out or nothing happens.
  void decide_and_start() {
    decide();
    while (batches.empty() && !started.empty()) {
      for (const WorkerId worker : std::vector(started)) scheduler.worker_started(worker, MiB(10), now);
      decide();
    }
  }
  void finish(const RunBatch& batch, Bytes peak = {}, Bytes held = MiB(10)) {
    for (const TestIndex test : batch.tests) {
      scheduler.test_started(batch.worker, test, now);
      now += 0.001;
      scheduler.test_finished(batch.worker, test, peak, held, now);
    }
    scheduler.batch_done(batch.worker, now);
  }
  [[nodiscard]] RetireReason reason() const { return retired.at(0).reason; }

  Scheduler scheduler;
  Seconds now = 0;
  std::vector<WorkerId> started;
  std::vector<RunBatch> batches;
  std::vector<RetireWorker> retired;
};

TEST(Scheduler, WithoutTestsThereIsNothingToDo) {
  Desk desk({}, limits(GiB(1), 2));
  desk.decide();
  EXPECT_TRUE(desk.scheduler.finished());
  EXPECT_THAT(desk.started, IsEmpty());
}

TEST(Scheduler, SettledTestsAreNotRun) {
  Desk desk({known(0, {}, 0.1), known(0, {}, 0.1), known(0, {}, 0.1)}, limits(GiB(1), 1));
  desk.scheduler.settle(1);
  EXPECT_EQ(desk.scheduler.pending(), 2U);
  std::vector<TestIndex> ran;
  for (desk.decide_and_start(); !desk.batches.empty(); desk.decide_and_start()) {
    const RunBatch batch = desk.batches.at(0);
    ran.insert(ran.end(), batch.tests.begin(), batch.tests.end());
    desk.finish(batch);
  }
  EXPECT_THAT(ran, ElementsAre(0, 2));
  EXPECT_TRUE(desk.scheduler.finished());
  EXPECT_EQ(desk.reason(), RetireReason::no_more_work);
}

TEST(Scheduler, AllSettledIsFinished) {
  Desk desk({known(0, {}, 0.1)}, limits(GiB(1), 1));
  desk.scheduler.settle(0);
  EXPECT_TRUE(desk.scheduler.finished());
  desk.decide();
  EXPECT_THAT(desk.started, IsEmpty());
}

TEST(Scheduler, CheapTestsComeInBigBatches) {
  std::vector<simulation::SimulatedTest> tests(10'000);
  for (std::uint32_t i = 0; i < tests.size(); ++i) {
    tests[i].duration = 0.0005;
    tests[i].peak = KiB(4);
    tests[i].spec = unknown(i / 100);
  }
  simulation::SimulatedMachine machine;
  machine.limits = limits(GiB(4), 2);
  const simulation::Outcome outcome = simulation::Simulation(tests, machine).run();
  EXPECT_THAT(outcome.faults, IsEmpty());
  EXPECT_LT(outcome.batches, 200U);
  EXPECT_EQ(outcome.starts, 2U);
}

TEST(Scheduler, UnknownTestsComeInSmallBatchesUntilSomethingIsSeen) {
  Desk desk(std::vector<TestSpec>(1000, unknown(0)), limits(GiB(4), 1));
  std::vector<std::size_t> sizes;
  for (desk.decide_and_start(); !desk.batches.empty(); desk.decide_and_start()) {
    const RunBatch batch = desk.batches.at(0);
    sizes.push_back(batch.tests.size());
    desk.finish(batch);
  }
  EXPECT_LE(sizes.at(0), 4U);
  EXPECT_GT(*std::max_element(sizes.begin(), sizes.end()), 50U);
  EXPECT_LT(sizes.size(), 40U);
}

TEST(Scheduler, BatchesShrinkTowardsTheEnd) {
  std::vector<TestSpec> tests(400, known(0, MiB(1), 0.01));
  Desk desk(tests, limits(GiB(1), 2));
  std::vector<std::size_t> sizes;
  for (desk.decide_and_start(); !desk.batches.empty() || !desk.started.empty(); desk.decide_and_start()) {
    for (const RunBatch& batch : std::vector(desk.batches)) {
      sizes.push_back(batch.tests.size());
      desk.finish(batch);
    }
  }
  EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}), 400U);
  EXPECT_GE(sizes.front(), 25U);
  EXPECT_LE(sizes.front(), 50U);
  EXPECT_LE(sizes.back(), 3U);
}

TEST(Scheduler, AHungryTestGetsABatchOfItsOwn) {
  std::vector<TestSpec> tests(20, known(0, MiB(1), 0.001));
  tests[7] = known(0, MiB(600), 0.001);
  Desk desk(tests, limits(GiB(1), 1));
  desk.decide_and_start();
  ASSERT_THAT(desk.batches, SizeIs(1));
  EXPECT_THAT(desk.batches[0].tests, ElementsAre(7)) << "and comes early";
  EXPECT_EQ(desk.batches[0].reservation, MiB(600));
  desk.finish(desk.batches[0]);
  desk.decide();
  ASSERT_THAT(desk.batches, SizeIs(1));
  EXPECT_EQ(desk.batches[0].reservation, MiB(1));
}

TEST(Scheduler, HungryNeighboursShareABatch) {
  Desk desk(std::vector<TestSpec>(10, known(0, MiB(300), 0.001)), limits(GiB(1), 1));
  desk.decide_and_start();
  EXPECT_THAT(desk.batches.at(0).tests, SizeIs(10));
}

TEST(Scheduler, TestsThatShareASetUpStayTogether) {
  std::vector<TestSpec> tests(40, known(0, MiB(1), 0.05));
  for (std::size_t i = 0; i < tests.size(); ++i) tests[i].shares_setup = i % 10 != 0;
  Desk desk(tests, limits(GiB(1), 4));
  for (desk.decide_and_start(); !desk.batches.empty() || !desk.started.empty(); desk.decide_and_start()) {
    for (const RunBatch& batch : std::vector(desk.batches)) {
      EXPECT_EQ(batch.tests.front() % 10, 0U);
      EXPECT_EQ(batch.tests.size() % 10, 0U);
      desk.finish(batch);
    }
  }
  EXPECT_TRUE(desk.scheduler.finished());
}

TEST(Scheduler, ALongRunThatSharesASetUpIsCut) {
  std::vector<simulation::SimulatedTest> tests(400);
  for (std::size_t i = 0; i < tests.size(); ++i) {
    tests[i].duration = 0.1;
    tests[i].spec = known(0, MiB(1), 0.1);
    tests[i].spec.shares_setup = i > 0;
  }
  simulation::SimulatedMachine machine;
  machine.limits = limits(GiB(4), 4);
  const simulation::Outcome outcome = simulation::Simulation(tests, machine).run();
  EXPECT_THAT(outcome.faults, IsEmpty());
  EXPECT_LT(outcome.makespan, 1.25 * 10) << "of 10 s at least";
  EXPECT_LT(outcome.batches, 40U) << "each sets up again";
}

TEST(Scheduler, AGroupIsOneBatch) {
  std::vector<TestSpec> tests(300, known(0, MiB(1), 0.1));
  for (std::uint32_t i = 0; i < tests.size(); ++i) tests[i].group = i % 3;
  for (const Dist dist : {Dist::loadscope, Dist::loadfile, Dist::loadgroup}) {
    Desk desk(tests, limits(GiB(1), 3), dist);
    std::size_t batches = 0;
    for (desk.decide_and_start(); !desk.batches.empty() || !desk.started.empty(); desk.decide_and_start()) {
      for (const RunBatch& batch : std::vector(desk.batches)) {
        EXPECT_THAT(batch.tests, SizeIs(100));
        ++batches;
        desk.finish(batch);
      }
    }
    EXPECT_EQ(batches, 3U);
  }
}

TEST(Scheduler, WithoutDistributionOneWorkerRunsAllInCollectionOrder) {
  std::vector<TestSpec> tests;
  for (std::uint32_t i = 0; i < 100; ++i) tests.push_back(known(i / 7, i % 5 == 0 ? MiB(700) : MiB(1), 0.01 * (i % 9)));
  Desk desk(tests, limits(GiB(1), 8), Dist::no);
  std::vector<TestIndex> ran;
  for (desk.decide_and_start(); !desk.batches.empty(); desk.decide_and_start()) {
    ASSERT_THAT(desk.batches, SizeIs(1));
    const RunBatch batch = desk.batches[0];
    EXPECT_EQ(batch.worker, WorkerId{0});
    ran.insert(ran.end(), batch.tests.begin(), batch.tests.end());
    desk.finish(batch);
  }
  ASSERT_THAT(ran, SizeIs(100));
  EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
}

TEST(Scheduler, TwoLargeOnesDoNotRunAtOnceButASmallOneBesideThem) {
  Desk desk({known(0, MiB(600), 1), known(1, MiB(600), 1), known(2, MiB(100), 1)}, limits(GiB(1), 3));
  desk.decide();
  EXPECT_THAT(desk.started, SizeIs(2)) << "a third one would only wait";
  for (const WorkerId worker : desk.started) desk.scheduler.worker_started(worker, MiB(10), 0);
  desk.decide();
  ASSERT_THAT(desk.batches, SizeIs(2));
  EXPECT_THAT(desk.batches[0].tests, ElementsAre(0));
  EXPECT_THAT(desk.batches[1].tests, ElementsAre(2));
  EXPECT_EQ(desk.scheduler.reserved(), MiB(700));
}

TEST(Scheduler, NothingThatLastsLongerIsPutInTheWayOfAWaitingLargeOne) {
  // 0 runs for 10 s. 1 needs its memory. 2 would fit now, but lasts longer than 0 and does not fit beside 1. 3 does not
  // fit beside 1 either, but is done before.
  Desk desk({known(0, MiB(600), 10), known(1, MiB(900), 9), known(2, MiB(300), 12), known(3, MiB(300), 1)},
            limits(GiB(1), 2));
  for (const TestIndex test : {1U, 2U, 3U}) desk.scheduler.settle(test);
  desk.decide_and_start();
  ASSERT_THAT(desk.batches.at(0).tests, ElementsAre(0));
  for (const TestIndex test : {3U, 2U, 1U}) desk.scheduler.run_again(test);
  desk.decide_and_start();
  ASSERT_THAT(desk.batches, SizeIs(1));
  EXPECT_THAT(desk.batches[0].tests, ElementsAre(3));
}

TEST(Scheduler, AWorkerThatRetainsTooMuchIsThrownAway) {
  Desk desk(std::vector<TestSpec>(2, known(0, MiB(300), 1)), limits(GiB(1), 1));
  desk.decide_and_start();
  desk.finish(desk.batches.at(0), MiB(300), MiB(10 + 129));
  desk.decide();
  ASSERT_THAT(desk.retired, SizeIs(1));
  EXPECT_EQ(desk.reason(), RetireReason::retained);
  EXPECT_THAT(desk.started, IsEmpty()) << "its place is not free yet";
  desk.scheduler.worker_gone(desk.retired[0].worker, GoneCause::retired, std::nullopt, {}, desk.now);
  desk.decide();
  EXPECT_THAT(desk.started, SizeIs(1));
}

TEST(Scheduler, AnIdleWorkerGoesWhenItsMemoryIsNeeded) {
  std::vector<TestSpec> tests = {known(0, MiB(1), 5), known(1, MiB(950), 1)};
  Desk desk(tests, limits(GiB(1), 1));
  desk.decide_and_start();
  ASSERT_THAT(desk.batches.at(0).tests, ElementsAre(0)) << "the longer one first: only one can run anyway";
  desk.finish(desk.batches[0], MiB(1), MiB(100));
  desk.decide();
  ASSERT_THAT(desk.retired, SizeIs(1));
  EXPECT_EQ(desk.reason(), RetireReason::memory_needed);
}

TEST(Scheduler, WhatDoesNotFitTheBudgetRunsAloneAtTheEnd) {
  Desk desk({known(0, GiB(3), 1), known(1, MiB(1), 1), known(2, MiB(1), 1)}, limits(GiB(1), 2));
  desk.decide_and_start();
  std::vector<RunBatch> batches = desk.batches;
  while (batches.size() < 2) {
    for (const WorkerId worker : desk.started) desk.scheduler.worker_started(worker, MiB(10), 0);
    desk.decide();
    batches.insert(batches.end(), desk.batches.begin(), desk.batches.end());
  }
  desk.finish(batches[0]);
  desk.decide();
  EXPECT_THAT(desk.batches, IsEmpty()) << "another one still runs";
  desk.finish(batches[1]);
  desk.decide();
  EXPECT_THAT(desk.batches, IsEmpty()) << "a fresh worker is needed";
  for (const RunBatch& batch : batches) {
    desk.scheduler.worker_gone(batch.worker, GoneCause::retired, std::nullopt, {}, desk.now);
  }
  desk.decide_and_start();
  ASSERT_THAT(desk.batches, SizeIs(1));
  EXPECT_TRUE(desk.batches[0].alone);
  EXPECT_THAT(desk.batches[0].tests, ElementsAre(0));
}

TEST(Scheduler, AKilledTestComesAgainThenAloneThenIsOverBudget) {
  Desk desk({known(0, MiB(50), 1), known(0, MiB(50), 1)}, limits(GiB(1), 1));
  desk.decide_and_start();
  RunBatch batch = desk.batches.at(0);
  desk.scheduler.test_started(batch.worker, batch.tests[0], 0);
  EXPECT_EQ(desk.scheduler.worker_gone(batch.worker, GoneCause::killed, batch.tests[0], MiB(200), 1), Requeue::again);
  EXPECT_EQ(desk.scheduler.pending(), 2U);

  desk.decide_and_start();
  batch = desk.batches.at(0);
  EXPECT_THAT(batch.tests, ElementsAre(0)) << "in front, by itself";
  EXPECT_EQ(batch.reservation, MiB(300)) << "what was seen, and a margin";
  desk.scheduler.test_started(batch.worker, 0, 1);
  EXPECT_EQ(desk.scheduler.worker_gone(batch.worker, GoneCause::kernel, 0, MiB(310), 2), Requeue::alone);

  desk.decide_and_start();
  batch = desk.batches.at(0);
  EXPECT_THAT(batch.tests, ElementsAre(1)) << "the others first";
  desk.finish(batch);
  desk.decide();
  ASSERT_THAT(desk.retired, SizeIs(1));
  desk.scheduler.worker_gone(batch.worker, GoneCause::retired, std::nullopt, {}, desk.now);
  desk.decide_and_start();
  batch = desk.batches.at(0);
  EXPECT_TRUE(batch.alone);
  desk.scheduler.test_started(batch.worker, 0, 3);
  EXPECT_EQ(desk.scheduler.worker_gone(batch.worker, GoneCause::kernel, 0, GiB(1), 4), Requeue::over_budget);
  EXPECT_TRUE(desk.scheduler.finished());
}

TEST(Scheduler, ATestThatNeedsAboutTheWholeBudgetGoesAloneAtOnce) {
  Desk desk({known(0, MiB(50), 1)}, limits(GiB(1), 1));
  desk.decide_and_start();
  desk.scheduler.test_started(desk.batches.at(0).worker, 0, 0);
  EXPECT_EQ(desk.scheduler.worker_gone(desk.batches[0].worker, GoneCause::kernel, 0, MiB(900), 1), Requeue::alone);
}

TEST(Scheduler, TheKilledTestOfAGroupComesBackWithWhatFollowsIt) {
  std::vector<TestSpec> tests(6, known(0, MiB(10), 1));
  Desk desk(tests, limits(GiB(1), 1), Dist::loadfile);
  desk.decide_and_start();
  const RunBatch batch = desk.batches.at(0);
  desk.scheduler.test_started(batch.worker, 0, 0);
  desk.scheduler.test_finished(batch.worker, 0, {}, MiB(10), 1);
  desk.scheduler.test_started(batch.worker, 1, 1);
  EXPECT_EQ(desk.scheduler.worker_gone(batch.worker, GoneCause::kernel, 1, MiB(100), 2), Requeue::again);
  desk.decide_and_start();
  EXPECT_THAT(desk.batches.at(0).tests, ElementsAre(1, 2, 3, 4, 5));
}

TEST(Scheduler, ACrashSettlesTheRunningTestAndPutsTheRestInFront) {
  Desk desk(std::vector<TestSpec>(3, known(0, MiB(10), 0.01)), limits(GiB(1), 1));
  desk.decide_and_start();
  const RunBatch batch = desk.batches.at(0);
  ASSERT_GE(batch.tests.size(), 2U);
  desk.scheduler.test_started(batch.worker, 0, 0);
  EXPECT_EQ(desk.scheduler.worker_gone(batch.worker, GoneCause::crashed, 0, {}, 1), std::nullopt);
  EXPECT_EQ(desk.scheduler.pending(), 2U);
  desk.decide_and_start();
  EXPECT_EQ(desk.batches.at(0).tests.front(), 1U);
}

TEST(Scheduler, AWorkerThatDoesNotStartVanishes) {
  Desk desk({known(0, MiB(10), 1)}, limits(GiB(1), 1));
  desk.decide();
  const WorkerId first = desk.started.at(0);
  desk.scheduler.worker_gone(first, GoneCause::crashed, std::nullopt, {}, 1);
  EXPECT_EQ(desk.scheduler.pending(), 1U);
  desk.decide();
  ASSERT_THAT(desk.started, SizeIs(1));
  EXPECT_NE(desk.started[0], first);
}

TEST(Scheduler, NothingIsGivenToASpoiledWorker) {
  Desk desk(std::vector<TestSpec>(3, known(0, MiB(10), 0.01)), limits(GiB(1), 1));
  desk.decide_and_start();
  const RunBatch batch = desk.batches.at(0);
  desk.scheduler.test_started(batch.worker, 0, 0);
  desk.scheduler.test_finished(batch.worker, 0, {}, MiB(10), 1);
  desk.scheduler.worker_spoiled(batch.worker, 1);
  desk.decide();
  ASSERT_THAT(desk.retired, SizeIs(1));
  EXPECT_EQ(desk.reason(), RetireReason::spoiled);
  desk.scheduler.worker_gone(batch.worker, GoneCause::retired, std::nullopt, {}, 1);
  desk.decide_and_start();
  EXPECT_EQ(desk.batches.at(0).tests.front(), 1U);
  EXPECT_NE(desk.batches[0].worker, batch.worker);
}

TEST(Scheduler, ATestThatWasOverBudgetIsRunAgainAloneWhereTheBudgetGrew) {
  Desk desk({known(0, MiB(900), 1), known(0, MiB(10), 1)}, limits(MiB(800), 1));
  desk.scheduler.settle(1);
  desk.decide_and_start();
  const RunBatch batch = desk.batches.at(0);
  ASSERT_TRUE(batch.alone);
  desk.scheduler.test_started(batch.worker, 0, desk.now);
  ASSERT_EQ(desk.scheduler.worker_gone(batch.worker, GoneCause::kernel, 0, MiB(790), desk.now), Requeue::over_budget);
  EXPECT_TRUE(desk.scheduler.finished());
  desk.scheduler.budget_changed(MiB(950));
  desk.scheduler.run_again(0, true);
  EXPECT_EQ(desk.scheduler.pending(), 1U);
  desk.decide_and_start();
  EXPECT_TRUE(desk.batches.back().alone);
  EXPECT_NE(desk.batches.back().worker, batch.worker);
  EXPECT_THAT(desk.batches.back().tests, ElementsAre(0U));
}

TEST(Scheduler, ATestIsRunAgainInAFreshWorker) {
  Desk desk(std::vector<TestSpec>(2, known(0, MiB(10), 1)), limits(GiB(1), 1));
  desk.decide_and_start();
  const RunBatch batch = desk.batches.at(0);
  desk.finish(batch);
  desk.scheduler.run_again(0);
  EXPECT_EQ(desk.scheduler.pending(), 2U);
  desk.scheduler.run_again(0);
  EXPECT_EQ(desk.scheduler.pending(), 2U) << "it waits already";
  desk.decide();
  ASSERT_THAT(desk.retired, SizeIs(1));
  EXPECT_EQ(desk.reason(), RetireReason::group_done);
  desk.scheduler.worker_gone(batch.worker, GoneCause::retired, std::nullopt, {}, desk.now);
  desk.decide_and_start();
  EXPECT_THAT(desk.batches.at(0).tests, ElementsAre(0));
  EXPECT_NE(desk.batches[0].worker, batch.worker);
}

TEST(Scheduler, WhileAdmissionIsStoppedNothingStartsButIdleMemoryIsGivenBack) {
  Desk desk(std::vector<TestSpec>(2, known(0, MiB(10), 1)), limits(GiB(1), 1));
  desk.scheduler.set_admission(false);
  desk.decide();
  EXPECT_THAT(desk.started, IsEmpty());
  desk.scheduler.set_admission(true);
  desk.decide_and_start();
  const RunBatch batch = desk.batches.at(0);
  desk.scheduler.set_admission(false);
  desk.finish(batch, MiB(50), MiB(60));
  desk.decide();
  EXPECT_THAT(desk.batches, IsEmpty());
  ASSERT_THAT(desk.retired, SizeIs(1));
  EXPECT_EQ(desk.reason(), RetireReason::memory_needed);
}

TEST(Scheduler, ASmallerBudgetIsKeptToFromThenOn) {
  Desk desk({known(0, MiB(400), 1), known(1, MiB(400), 1)}, limits(GiB(1), 2));
  desk.scheduler.budget_changed(MiB(600));
  desk.decide();
  EXPECT_THAT(desk.started, SizeIs(1));
}

TEST(Scheduler, SetsAsideWhatTestsBeforeRetain) {
  std::vector<TestSpec> tests(3, known(0, MiB(10), 0.001));
  for (TestSpec& test : tests) test.prediction.retained = MiB(4);
  Desk desk(tests, limits(GiB(1), 1));
  desk.decide_and_start();
  ASSERT_THAT(desk.batches.at(0).tests, SizeIs(3));
  EXPECT_EQ(desk.batches[0].reservation, MiB(18)) << "4 + 4 + 10";
  desk.scheduler.test_finished(desk.batches[0].worker, 0, MiB(10), MiB(14), 1);
  EXPECT_EQ(desk.scheduler.reserved(), MiB(14)) << "shrinks as tests end";
}

TEST(Scheduler, EstimatesTheTimeLeft) {
  Desk desk(std::vector<TestSpec>(100, known(0, MiB(1), 0.2)), limits(GiB(1), 2));
  EXPECT_NEAR(desk.scheduler.time_left(0), 10, 0.1);
  desk.decide_and_start();
  EXPECT_NEAR(desk.scheduler.time_left(0), 10, 0.1);
}

TEST(Scheduler, EventsOfWorkersThatAreNotThereAreIgnored) {
  Desk desk({known(0, MiB(1), 0.2)}, limits(GiB(1), 2));
  const WorkerId nobody{42};
  desk.scheduler.worker_started(nobody, {}, 0);
  desk.scheduler.test_started(nobody, 0, 0);
  desk.scheduler.test_finished(nobody, 0, {}, {}, 0);
  desk.scheduler.batch_done(nobody, 0);
  desk.scheduler.worker_spoiled(nobody, 0);
  EXPECT_EQ(desk.scheduler.worker_gone(nobody, GoneCause::kernel, 0, {}, 0), std::nullopt);
  EXPECT_EQ(desk.scheduler.pending(), 1U);
}

TEST(Scheduler, HalfReportedBatchesComeBack) {
  Desk desk(std::vector<TestSpec>(3, known(0, MiB(1), 0.001)), limits(GiB(1), 1));
  desk.decide_and_start();
  const RunBatch batch = desk.batches.at(0);
  ASSERT_THAT(batch.tests, SizeIs(3));
  desk.scheduler.test_started(batch.worker, 1, 0);
  desk.scheduler.test_finished(batch.worker, 1, {}, MiB(10), 0);
  desk.scheduler.batch_done(batch.worker, 0);
  std::vector<TestIndex> ran;
  for (desk.decide_and_start(); !desk.batches.empty(); desk.decide_and_start()) {
    const RunBatch next = desk.batches.at(0);
    ran.insert(ran.end(), next.tests.begin(), next.tests.end());
    desk.finish(next);
  }
  EXPECT_THAT(ran, ElementsAre(0, 2));
}

}  // namespace
}  // namespace fittest::plan
