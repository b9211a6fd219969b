#include "plan/pressure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace fittest::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

WorkerSnapshot worker(std::uint32_t id, Bytes held, Seconds batch_started) {
  WorkerSnapshot w;
  w.worker = static_cast<WorkerId>(id);
  w.held = held;
  w.reservation = MiB(1);  // all of them take more than was expected
  w.batch_started = batch_started;
  w.test_elapsed = 1;
  w.running = true;
  return w;
}

// Three workers, 0 the oldest; `held` of 1000 MiB.
Snapshot sample(std::uint64_t held_mib) {
  Snapshot now;
  now.budget = MiB(1000);
  now.held = MiB(held_mib);
  now.workers = {worker(0, MiB(held_mib / 3), 1), worker(1, MiB(held_mib / 3), 2), worker(2, MiB(held_mib / 3), 3)};
  return now;
}

std::vector<std::string> names(const std::vector<PressureDecision>& decisions) {
  std::vector<std::string> out;
  for (const PressureDecision& each : decisions) {
    if (const auto* admission = std::get_if<Admission>(&each)) out.emplace_back(admission->open ? "open" : "close");
    if (const auto* freeze = std::get_if<Freeze>(&each))
      out.push_back("freeze " + std::to_string(number(freeze->worker)));
    if (const auto* thaw = std::get_if<Thaw>(&each)) out.push_back("thaw " + std::to_string(number(thaw->worker)));
    if (const auto* kill = std::get_if<Kill>(&each)) out.push_back("kill " + std::to_string(number(kill->worker)));
  }
  return out;
}

TEST(Pressure, NothingIsSaidWhileThereIsRoom) {
  PressureController controller;
  for (int i = 0; i < 20; ++i) EXPECT_THAT(controller.decide(sample(700)), IsEmpty());
}

TEST(Pressure, ClimbsTheLadderAndComesDownAgain) {
  PressureController controller;
  EXPECT_THAT(names(controller.decide(sample(940))), ElementsAre("close"));
  EXPECT_THAT(controller.decide(sample(940)), IsEmpty()) << "said once";
  EXPECT_THAT(names(controller.decide(sample(970))), ElementsAre("freeze 2"));
  EXPECT_THAT(names(controller.decide(sample(975))), ElementsAre("freeze 1"));
  EXPECT_THAT(controller.decide(sample(980)), IsEmpty()) << "the oldest goes on";
  EXPECT_THAT(names(controller.decide(sample(920))), ElementsAre("thaw 1")) << "older first";
  EXPECT_THAT(names(controller.decide(sample(920))), ElementsAre("thaw 2"));
  EXPECT_THAT(controller.decide(sample(900)), IsEmpty()) << "admission opens lower than it closes";
  EXPECT_THAT(names(controller.decide(sample(850))), ElementsAre("open"));
}

TEST(Pressure, DoesNotFreezeWhileAllHoldWhatWasExpected) {
  PressureController controller;
  Snapshot now = sample(975);
  for (WorkerSnapshot& each : now.workers) each.reservation = MiB(330);
  EXPECT_THAT(names(controller.decide(now)), ElementsAre("close"));
  EXPECT_THAT(controller.decide(now), IsEmpty());
}

TEST(Pressure, KillsTheCheapestToRedoButNotTheOldest) {
  PressureController controller;
  Snapshot now = sample(995);
  now.can_freeze = false;
  now.workers[0].test_elapsed = 0.1;
  now.workers[1].test_elapsed = 2;
  now.workers[2].test_elapsed = 9;
  const auto decisions = controller.decide(now);
  ASSERT_THAT(names(decisions), ElementsAre("close", "kill 1"));
  EXPECT_THAT(std::get<Kill>(decisions[1]).why, HasSubstr("995 MiB held of a budget of 1.0 GiB"));
  now.workers.erase(now.workers.begin() + 1);
  EXPECT_THAT(names(controller.decide(now)), ElementsAre("kill 2"));
}

TEST(Pressure, WaitsForTheKilledToGiveBackTheirMemory) {
  PressureController controller;
  Snapshot now = sample(995);
  now.can_freeze = false;
  EXPECT_THAT(names(controller.decide(now)), ElementsAre("close", "kill 2"));
  for (int i = 0; i < 20; ++i) EXPECT_THAT(controller.decide(now), IsEmpty());
}

TEST(Pressure, DoesNotKillAWorkerThatHoldsNextToNothing) {
  PressureController controller;
  Snapshot now = sample(995);
  now.workers[1].held = MiB(5);
  now.workers[1].test_elapsed = 0;
  EXPECT_THAT(names(controller.decide(now)), ElementsAre("close", "kill 2"));
}

TEST(Pressure, KillsFrozenOnesWhenTheOldestKeepsGrowing) {
  PressureController controller;
  EXPECT_THAT(names(controller.decide(sample(965))), ElementsAre("close", "freeze 2"));
  Snapshot now = sample(995);
  now.workers[2].frozen = true;
  now.workers[1].test_elapsed = 0;  // cheaper, but it runs
  EXPECT_THAT(names(controller.decide(now)), ElementsAre("kill 2"));
}

TEST(Pressure, AFrozenWorkerThatBecomesTheOldestIsThawed) {
  PressureController controller;
  EXPECT_THAT(names(controller.decide(sample(965))), ElementsAre("close", "freeze 2"));
  EXPECT_THAT(names(controller.decide(sample(965))), ElementsAre("freeze 1"));
  Snapshot now = sample(965);
  now.workers.erase(now.workers.begin());
  for (WorkerSnapshot& each : now.workers) each.frozen = true;
  EXPECT_THAT(names(controller.decide(now)), ElementsAre("thaw 1"));
}

TEST(Pressure, ASingleWorkerIsLeftToTheKernelWhereItEnforces) {
  PressureController controller;
  Snapshot now = sample(1000);
  now.workers.resize(1);
  EXPECT_THAT(names(controller.decide(now)), ElementsAre("close"));
  for (int i = 0; i < 20; ++i) EXPECT_THAT(controller.decide(now), IsEmpty());
}

TEST(Pressure, ASingleWorkerIsKilledWhereNobodyElseEnforces) {
  PressureController controller;
  Snapshot now = sample(1000);
  now.workers.resize(1);
  now.enforces = false;
  EXPECT_THAT(names(controller.decide(now)), ElementsAre("close", "kill 0"));
}

TEST(Pressure, ActsEarlierWhereSamplesAreAllThereIs) {
  PressureController controller;
  Snapshot now = sample(890);
  EXPECT_THAT(controller.decide(now), IsEmpty());
  now.enforces = false;
  EXPECT_THAT(names(controller.decide(now)), ElementsAre("close"));
  now.growth = GiB(1);  // 20 MiB a look
  EXPECT_THAT(names(controller.decide(now)), ElementsAre("freeze 2"));
  now.growth = GiB(2);
  EXPECT_THAT(names(controller.decide(now)), ElementsAre("kill 2"));
}

TEST(Pressure, OpensAgainWhenNothingRunsWhateverIsHeld) {
  PressureController controller;
  Snapshot now = sample(990);
  EXPECT_FALSE(controller.decide(now).empty());
  now.workers.clear();
  std::vector<std::string> said;
  for (int i = 0; i < 10 && said.empty(); ++i) said = names(controller.decide(now));
  EXPECT_THAT(said, ElementsAre("open"));
  for (int i = 0; i < 10; ++i) EXPECT_THAT(controller.decide(now), IsEmpty());
}

// Whatever the samples: the oldest running worker moves, and is not killed beside others; nothing is said twice.
TEST(Pressure, KeepsItsPromisesOnRandomSamples) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    PressureController controller;
    Snapshot now;
    now.budget = MiB(1000);
    now.enforces = random() % 2 == 0;
    now.can_freeze = random() % 4 != 0;
    std::set<std::uint32_t> frozen;
    std::set<std::uint32_t> killed;
    bool open = true;
    std::uint32_t next = 0;
    for (int step = 0; step < 300; ++step) {
      std::erase_if(now.workers, [&](const WorkerSnapshot& w) {
        return random() % 20 == 0 || (killed.contains(number(w.worker)) && random() % 3 == 0);
      });
      while (open && now.workers.size() < 4) now.workers.push_back(worker(next++, MiB(100), step));
      now.held = MiB(50);
      for (WorkerSnapshot& w : now.workers) {
        w.held = MiB(random() % 500);
        w.test_elapsed = static_cast<double>(random() % 100);
        w.running = random() % 10 != 0;
        w.frozen = frozen.contains(number(w.worker));
        now.held += w.held;
      }
      now.growth = MiB(random() % 1000);
      for (const PressureDecision& each : controller.decide(now)) {
        std::vector<const WorkerSnapshot*> running;
        for (const WorkerSnapshot& w : now.workers) {
          if (w.running && !killed.contains(number(w.worker))) running.push_back(&w);
        }
        const WorkerId oldest =
            running.empty() ? WorkerId{} : (*std::min_element(running.begin(), running.end(), [](auto* a, auto* b) {
                                             return a->batch_started != b->batch_started
                                                        ? a->batch_started < b->batch_started
                                                        : a->worker < b->worker;
                                           }))->worker;
        if (const auto* admission = std::get_if<Admission>(&each)) {
          EXPECT_NE(admission->open, open);
          open = admission->open;
        } else if (const auto* freeze = std::get_if<Freeze>(&each)) {
          EXPECT_TRUE(now.can_freeze);
          EXPECT_NE(freeze->worker, oldest);
          EXPECT_TRUE(frozen.insert(number(freeze->worker)).second);
        } else if (const auto* thaw = std::get_if<Thaw>(&each)) {
          EXPECT_EQ(frozen.erase(number(thaw->worker)), 1U);
        } else {
          const auto& kill = std::get<Kill>(each);
          EXPECT_TRUE(killed.insert(number(kill.worker)).second);
          if (running.size() > 1) {
            EXPECT_NE(kill.worker, oldest);
          } else {
            EXPECT_FALSE(now.enforces);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace fittest::plan
