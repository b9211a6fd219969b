// The scheduler over random suites, in simulation.
#include "plan/simulation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "plan/pieces.h"

namespace fittest::plan::simulation {
namespace {

constexpr Dist kEveryDist[] = {Dist::load, Dist::loadscope, Dist::loadfile, Dist::loadgroup, Dist::worksteal, Dist::no};

struct Suite {
  std::vector<SimulatedTest> tests;
  SimulatedMachine machine;
};

double lognormal(std::mt19937_64& random, double median, double spread) {
  // Not std::lognormal_distribution: its numbers may differ between standard libraries.
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(random() >> 11) / 9007199254740992.0;
  return median * std::exp(sum * spread);
}

// Uneven durations and peaks, files of uneven size, some fixtures shared; every test fits the budget alone.
Suite random_suite(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Suite suite;
  SimulatedMachine& machine = suite.machine;
  machine.dist = kEveryDist[seed % std::size(kEveryDist)];
  machine.seed = random() % 2;
  machine.limits.max_workers = 1 + static_cast<unsigned>(random() % 12);
  machine.limits.budget = MiB(128 + random() % 2000);
  machine.limits.retained_threshold = MiB(8 + random() % 100);
  machine.base = machine.limits.worker_base;
  const std::size_t files = 1 + random() % 20;
  std::uint32_t group = 0;
  for (std::uint32_t file = 0; file < files; ++file) {
    const std::size_t count = 1 + random() % 40;
    for (std::size_t i = 0; i < count; ++i) {
      SimulatedTest test;
      test.duration = lognormal(random, 0.02, 1.5);
      const Bytes room = machine.limits.budget - machine.limits.worker_base;
      test.peak = std::min(room, Bytes{static_cast<std::uint64_t>(lognormal(random, 2e6, 2))});
      if (random() % 40 == 0) test.peak = room.scaled(0.2 + static_cast<double>(random() % 80) / 100);
      // Within a group retained memory adds up: little of it, so that each group fits the budget.
      test.retained =
          random() % 4 == 0 ? std::min(test.peak.scaled(0.1), whole_groups(machine.dist) ? KiB(8) : room) : Bytes{};
      if (whole_groups(machine.dist)) test.peak -= KiB(8 * 40);
      test.retained = std::min(test.retained, test.peak);
      if (i == 0 || random() % 8 == 0) ++group;
      test.spec.file = file;
      test.spec.group = machine.dist == Dist::loadfile ? file : group;
      test.spec.shares_setup = i > 0 && random() % 3 == 0;
      test.spec.prediction = {test.peak, test.duration, true, test.retained};
      suite.tests.push_back(test);
    }
  }
  return suite;
}

void expect_sound(const Outcome& outcome, std::uint64_t seed) {
  EXPECT_TRUE(outcome.faults.empty()) << "seed " << seed << ": " << outcome.faults.front();
}

TEST(Simulation, WithRightPredictionsTheBudgetHoldsAndEveryTestRunsOnce) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Suite suite = random_suite(seed);
    const Outcome outcome = Simulation(suite.tests, suite.machine).run();
    expect_sound(outcome, seed);
    EXPECT_LE(outcome.highest, suite.machine.limits.budget) << "seed " << seed;
    EXPECT_EQ(outcome.kills, 0U) << "seed " << seed;
  }
}

TEST(Simulation, TheSameRunGivesTheSameDecisions) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Suite suite = random_suite(seed);
    std::vector<std::string> first;
    for (int round = 0; round < 2; ++round) {
      Simulation run(suite.tests, suite.machine);
      run.keep_decisions();
      const Outcome outcome = run.run();
      if (round == 0) first = outcome.decisions;
      EXPECT_EQ(outcome.decisions, first) << "seed " << seed;
      EXPECT_FALSE(first.empty());
    }
  }
}

TEST(Simulation, WithPredictionsWrongTenTimesEveryTestIsStillSettledOnce) {
  std::size_t kills = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Suite suite = random_suite(seed);
    std::mt19937_64 random(seed);
    for (SimulatedTest& test : suite.tests) {
      const double factor = random() % 2 == 0 ? 10 : 0.1;
      test.spec.prediction.peak = test.peak.scaled(factor);
      test.spec.prediction.retained = test.retained.scaled(factor);
      test.spec.prediction.duration *= random() % 2 == 0 ? 10 : 0.1;
      test.spec.prediction.known = random() % 4 != 0;
    }
    const Outcome outcome = Simulation(suite.tests, suite.machine).run();
    expect_sound(outcome, seed);
    kills += outcome.kills;
    for (std::size_t i = 0; i < suite.tests.size(); ++i) {
      if (whole_groups(suite.machine.dist)) continue;  // there, what the tests before it retained counts too
      EXPECT_FALSE(outcome.over_budget[i]) << "seed " << seed << " test " << i << ": each of them fits the budget";
    }
  }
  EXPECT_GT(kills, 100U) << "the case was not met";
}

TEST(Simulation, UnknownTestsAreLearned) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Suite suite = random_suite(seed);
    for (SimulatedTest& test : suite.tests) test.spec.prediction = {MiB(64), 0.1, false, {}};
    expect_sound(Simulation(suite.tests, suite.machine).run(), seed);
  }
}

TEST(Simulation, TestsThatDoNotFitTheBudgetAreSettledAsSuchAndOnlyThey) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Suite suite = random_suite(seed);
    if (suite.machine.dist != Dist::load && suite.machine.dist != Dist::worksteal) continue;
    for (std::size_t i = 0; i < suite.tests.size(); i += 7) {
      suite.tests[i].peak = suite.machine.limits.budget;
      suite.tests[i].retained = {};
      if (i % 2 == 0) suite.tests[i].spec.prediction.peak = suite.machine.limits.budget;
    }
    const Outcome outcome = Simulation(suite.tests, suite.machine).run();
    expect_sound(outcome, seed);
    for (std::size_t i = 0; i < suite.tests.size(); ++i)
      EXPECT_EQ(outcome.over_budget[i], i % 7 == 0) << "seed " << seed;
  }
}

TEST(Simulation, CrashesSpoiledWorkersAndSecondRunsInTheMix) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Suite suite = random_suite(seed);
    std::mt19937_64 random(seed);
    for (SimulatedTest& test : suite.tests) {
      const auto roll = random() % 30;
      if (roll == 0) test.fate = Fate::crashes;
      if (roll == 1) test.fate = Fate::spoils;
      if (roll == 2) test.fate = Fate::wants_again;
      if (random() % 10 == 0) test.spec.prediction.peak = test.peak.scaled(0.1);
    }
    expect_sound(Simulation(suite.tests, suite.machine).run(), seed);
  }
}

// A large one that comes up in the middle of the run starts as soon as what runs then has ended, though there is always
// a small one that would fit.
TEST(Simulation, TheLargestIsNotStarvedBySmallOnes) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    std::mt19937_64 random(seed);
    SimulatedMachine machine;
    machine.limits = {GiB(1), 4, MiB(12), MiB(128)};
    std::vector<SimulatedTest> tests;
    for (std::uint32_t i = 0; i < 2000; ++i) {
      SimulatedTest test;
      test.duration = 0.05 + 0.01 * static_cast<double>(random() % 10);
      test.peak = MiB(60);
      test.spec.prediction = {test.peak, test.duration, true, {}};
      test.spec.file = i / 20;
      test.spec.group = i;
      tests.push_back(test);
    }
    SimulatedTest& large = tests[random() % tests.size()];
    large.peak = large.spec.prediction.peak = MiB(900);
    large.fate = Fate::wants_again;
    const auto at = static_cast<std::size_t>(&large - tests.data());
    const Outcome outcome = Simulation(tests, machine).run();
    expect_sound(outcome, seed);
    EXPECT_LT(outcome.first_start[at], 1) << "seed " << seed;
    EXPECT_GT(outcome.last_start[at], outcome.first_start[at]);
    EXPECT_LT(outcome.last_start[at], 2) << "seed " << seed;
    EXPECT_GT(outcome.makespan, 40);
    EXPECT_LE(outcome.highest, machine.limits.budget);
  }
}

}  // namespace
}  // namespace fittest::plan::simulation
