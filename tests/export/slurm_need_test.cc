#include "export/slurm_need.h"

#include <gtest/gtest.h>

namespace fittest::exporting {
namespace {

plan::Prediction known(Bytes peak, Seconds duration) {
  return {.peak = peak, .duration = duration, .known = true};
}

TEST(SlurmNeed, HoldsTheSessionAndAsManyOfTheHungriestAsThereAreWorkers) {
  const std::vector<std::vector<plan::Prediction>> groups = {
      {known(MiB(100), 1), known(MiB(300), 1), known(MiB(200), 1)}, {known(MiB(450), 1)}};
  NeedOptions options{.session = MiB(150), .budget = {}, .time = {}, .most_memory = {}};
  EXPECT_EQ(slurm_need(groups, options).budget, MiB(150 + 12 + 450));
  options.workers = 2;
  const SlurmNeed two = slurm_need(groups, options);
  EXPECT_EQ(two.budget, MiB(150 + 24 + 500));
  EXPECT_GT(two.memory, two.budget + MiB(64)) << "fittest itself, and a margin";
  EXPECT_LT(two.memory, two.budget.scaled(1.5));
}

TEST(SlurmNeed, TakesTheUsersFigures) {
  const NeedOptions options{.workers = 1, .session = MiB(100), .budget = MiB(256), .time = 90, .most_memory = {}};
  const SlurmNeed need = slurm_need({{known(GiB(4), 5000)}}, options);
  EXPECT_EQ(need.budget, MiB(256));
  EXPECT_EQ(need.time, 90);
}

TEST(SlurmNeed, CountsTheSessionForEachWorkerWhereTheClusterDoes) {
  NeedOptions options{.workers = 4, .session = MiB(100), .budget = {}, .time = {}, .most_memory = {}};
  const Bytes once = slurm_need({}, options).memory;
  options.shared_pages = NeedOptions::SharedPages::count_each;
  EXPECT_EQ(slurm_need({}, options).memory, once + MiB(400));
}

TEST(SlurmNeed, AsksForTimeOnlyWhereMostIsKnown) {
  const NeedOptions options{.workers = 2, .session = MiB(50), .budget = {}, .time = {}, .most_memory = {}};
  EXPECT_EQ(slurm_need({{known(MiB(1), 1000), known(MiB(1), 500)}}, options).time, 600 + 3 * 1000);
  plan::Prediction unknown{.peak = MiB(64), .duration = 0.1};
  EXPECT_EQ(slurm_need({{known(MiB(1), 1000)}, {known(MiB(1), 1), unknown, unknown}}, options).time, std::nullopt);
  EXPECT_EQ(slurm_need({{}, {known(MiB(1), 1)}}, options).time, 600 + 3) << "an empty group needs none";
}

TEST(SlurmNeed, NeverAsksForMoreThanItMay) {
  const SlurmNeed more = with_more_memory({.budget = MiB(300), .memory = MiB(400), .time = {}}, MiB(600));
  EXPECT_EQ(more.memory, MiB(600));
  EXPECT_EQ(more.budget, MiB(450));
  const NeedOptions options{.workers = 1, .session = {}, .budget = {}, .time = {}, .most_memory = MiB(512)};
  const SlurmNeed first = slurm_need({{known(GiB(2), 1)}}, options);
  EXPECT_EQ(first.memory, MiB(512));
  EXPECT_LT(first.budget, MiB(460));
}

TEST(SlurmNeed, DoublesOneOfTheTwo) {
  const SlurmNeed need{.budget = MiB(300), .memory = MiB(400), .time = 60};
  EXPECT_EQ(with_more_memory(need, std::nullopt).memory, MiB(800));
  EXPECT_EQ(with_more_memory(need, std::nullopt).budget, MiB(600));
  EXPECT_EQ(with_more_memory(need, std::nullopt).time, 60);
  EXPECT_EQ(with_more_time(need).time, 120);
  EXPECT_EQ(with_more_time(need).memory, MiB(400));
  EXPECT_EQ(with_more_time({.budget = {}, .memory = {}, .time = {}}).time, std::nullopt);
}

}  // namespace
}  // namespace fittest::exporting
