#include "export/slurm_outcome.h"

#include <gtest/gtest.h>

namespace fittest::exporting {
namespace {

constexpr std::string_view kKilled =
    "task 2\n"
    "slurmstepd-node: error: StepId=3.batch exceeded memory limit (324165632 > 104857600), being killed\n"
    "slurmstepd-node: error: Exceeded job memory limit\n"
    "slurmstepd-node: error: *** JOB 3 ON node CANCELLED AT 2026-11-24T21:54:01 ***\n";

SlurmState state(std::string word, int code, int signal, std::string reason = "") {
  return {.word = std::move(word), .code = code, .signal = signal, .reason = std::move(reason)};
}

Next next(const TaskEnd& end) {
  return decide(end, 1, 3).next;
}

TEST(SlurmOutcome, IsDoneWithWhatFittestWroteDown) {
  for (const int code : {0, 1, 5}) {
    const TaskEnd end{.slurm = state("FAILED", code, 0), .written_code = code, .output = {}};
    EXPECT_EQ(next(end), Next::done) << code;
    EXPECT_EQ(decide(end, 1, 3).why, "");
  }
}

TEST(SlurmOutcome, BelievesTheTaskOverSlurm) {
  // The cgroup plugin says OUT_OF_MEMORY when a worker was killed, which fittest got over.
  EXPECT_EQ(
      next({.slurm = state("OUT_OF_MEMORY", 0, 125), .written_code = 0, .output = "Detected 1 oom_kill event in"}),
      Next::done);
  EXPECT_EQ(next({.slurm = {}, .written_code = 1, .output = {}}), Next::done) << "long ended, and forgotten";
}

TEST(SlurmOutcome, BelievesSlurmWhereTheTaskLeftNothing) {
  EXPECT_EQ(next({.slurm = state("COMPLETED", 0, 0), .written_code = {}, .output = {}}), Next::done);
  EXPECT_EQ(next({.slurm = state("FAILED", 1, 0, "NonZeroExitCode"), .written_code = {}, .output = {}}), Next::done);
}

TEST(SlurmOutcome, AsksForMoreMemoryWhereThatWasTheEnd) {
  // Without the cgroup plugin, with it, in versions that say CANCELLED, by the kernel, and without a word.
  EXPECT_EQ(next({.slurm = state("FAILED", 0, 9, "JobLaunchFailure"), .written_code = {}, .output = kKilled}),
            Next::again_more_memory);
  EXPECT_EQ(next({.slurm = state("OUT_OF_MEMORY", 0, 125, "OutOfMemory"), .written_code = {}, .output = {}}),
            Next::again_more_memory);
  EXPECT_EQ(next({.slurm = state("CANCELLED", 0, 15), .written_code = {}, .output = kKilled}), Next::again_more_memory);
  EXPECT_EQ(next({.slurm = state("FAILED", 137, 0, "NonZeroExitCode"), .written_code = 137, .output = {}}),
            Next::again_more_memory);
  EXPECT_EQ(next({.slurm = state("FAILED", 0, 9), .written_code = {}, .output = {}}), Next::again_more_memory);
  EXPECT_EQ(next({.slurm = {}, .written_code = {}, .output = kKilled}), Next::again_more_memory);
}

TEST(SlurmOutcome, AsksForMoreMemoryWhereFittestItselfSaysSo) {
  EXPECT_EQ(next({.slurm = state("FAILED", 4, 0, "NonZeroExitCode"),
                  .written_code = 4,
                  .output = "fittest: session: collecting alone does not fit the budget of 100 MiB: the kernel ended"}),
            Next::again_more_memory);
  const TaskEnd end{.slurm = state("FAILED", 1, 0), .written_code = 1, .output = {}, .over_budget = 2};
  EXPECT_EQ(next(end), Next::again_more_memory);
  EXPECT_EQ(decide(end, 1, 3).why, "2 tests did not fit the task's memory even alone");
  EXPECT_EQ(decide(end, 3, 3).next, Next::done) << "its tests have verdicts";
}

TEST(SlurmOutcome, TellsOtherEndsApart) {
  EXPECT_EQ(next({.slurm = state("TIMEOUT", 0, 15, "TimeLimit"), .written_code = 2, .output = {}}),
            Next::again_more_time);
  EXPECT_EQ(next({.slurm = state("NODE_FAIL", 0, 0), .written_code = {}, .output = {}}), Next::again);
  EXPECT_EQ(next({.slurm = state("PREEMPTED", 0, 15), .written_code = 2, .output = {}}), Next::again);
  EXPECT_EQ(next({.slurm = state("CANCELLED", 0, 15), .written_code = 2, .output = {}}), Next::give_up);
  EXPECT_EQ(next({.slurm = state("FAILED", 2, 0), .written_code = 2, .output = {}}), Next::give_up);
  EXPECT_EQ(next({.slurm = state("FAILED", 4, 0), .written_code = 4, .output = {}}), Next::give_up);
  EXPECT_EQ(next({.slurm = state("FAILED", 127, 0), .written_code = 127, .output = {}}), Next::give_up);
  EXPECT_EQ(next({.slurm = state("FAILED", 139, 0), .written_code = 139, .output = {}}), Next::again);
  EXPECT_EQ(next({.slurm = state("FAILED", 0, 53, "JobLaunchFailure"), .written_code = {}, .output = {}}), Next::again);
  EXPECT_EQ(next({.slurm = {}, .written_code = {}, .output = {}}), Next::again);
}

TEST(SlurmOutcome, GivesUpAfterTheLastAttempt) {
  const TaskEnd end{.slurm = state("OUT_OF_MEMORY", 0, 125), .written_code = {}, .output = {}};
  EXPECT_EQ(decide(end, 2, 3).next, Next::again_more_memory);
  EXPECT_EQ(decide(end, 3, 3).next, Next::give_up);
  EXPECT_EQ(decide(end, 3, 3).why, "it was killed for its memory, in the last of 3 attempts");
  EXPECT_EQ(decide(end, 1, 1).why, "it was killed for its memory");
}

TEST(SlurmOutcome, KnowsWhichTasksAreOver) {
  for (const char* word : {"COMPLETED", "FAILED", "OUT_OF_MEMORY", "TIMEOUT", "NODE_FAIL", "CANCELLED", "PREEMPTED"}) {
    EXPECT_TRUE(is_over(word)) << word;
  }
  for (const char* word : {"PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING", ""}) {
    EXPECT_FALSE(is_over(word)) << word;
  }
}

}  // namespace
}  // namespace fittest::exporting
