// What a cluster in a container cannot be made to do: programs under Slurm's names answer as Slurm does. The real one
// is in tests/e2e/test_slurm.py.
#include "cluster/slurm_array.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/folder.h"

namespace fittest::cluster {
namespace {

using testing::HasSubstr;
using testing::Not;

class SlurmArray : public testing::Test {
 protected:
  void SetUp() override {
    options.job.results = folder.path();
    options.job.workers = 2;
    options.need = {.budget = MiB(300), .memory = MiB(400), .time = 600};
    options.between_looks = 0.01;
    ::setenv("PATH", (folder.path().string() + ":" + path).c_str(), 1);
    ::setenv("FOLDER", folder.path().c_str(), 1);
    // Each call is a line of `calls`; an array's number is that of its line.
    stand_in("sbatch", "echo \"$@\" >>$FOLDER/calls; wc -l <$FOLDER/calls");
    stand_in("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
    stand_in("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1");
    stand_in("scancel", "echo \"$@\" >>$FOLDER/cancelled");
  }
  // A program of the test's own in the place of Slurm's, for bash.
  void stand_in(const std::string& name, const std::string& body) const {
    folder.write_program(name, "#!/bin/bash\n" + body);
  }
  void TearDown() override { ::setenv("PATH", path.c_str(), 1); }

  Result<ArrayEnd> run() {
    const int fd = ::open((folder.path() / "screen").c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    Result<ArrayEnd> end;
    {
      report::Screen screen(fd, {});
      Interruption interruption = *Interruption::watch();
      end = run_slurm_array(options, interruption, screen);
    }
    ::close(fd);
    said = folder.read("screen");
    calls = folder.read("calls");
    return end;
  }

  const std::string path = std::getenv("PATH");
  Folder folder;
  ArrayOptions options;
  std::string said, calls;
};

TEST_F(SlurmArray, SendsAgainWithMoreWhatTheCgroupPluginKilled) {
  stand_in("squeue", R"(
case $(wc -l <$FOLDER/calls) in
  1) echo '1|1|COMPLETED|None'; echo '1|2|OUT_OF_MEMORY|OutOfMemory'; echo 0 >$FOLDER/group-1-attempt-1.exit;;
  2) echo '2|2|COMPLETED|None'; echo 1 >$FOLDER/group-2-attempt-2.exit;;
esac)");
  options.groups = 2;
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->interrupted);
  ASSERT_EQ(end->groups.size(), 2U);
  EXPECT_TRUE(end->groups[0].done && end->groups[1].done);
  EXPECT_EQ(end->groups[0].attempts, 1U);
  EXPECT_EQ(end->groups[1].attempts, 2U);
  EXPECT_THAT(calls, HasSubstr("--array=1-2 --cpus-per-task=2 --mem=400M --time=10 "));
  EXPECT_THAT(calls, HasSubstr("--array=2 --cpus-per-task=2 --mem=800M --time=10 "));
  EXPECT_EQ(said,
            "fittest: submitted job 1: 2 groups, each with 2 CPUs, 400 MiB (budget 300 MiB), 10 min 00 s\n"
            "fittest  2 groups: 2 pending\n"
            "fittest: group 2: it was killed for its memory\n"
            "fittest: group 2: sent again as job 2 with 800 MiB (budget 600 MiB), 10 min 00 s, attempt 2 of 3\n"
            "fittest  2 groups: 1 pending, 1 done\n"
            "fittest  2 groups: 2 done\n");
}

TEST_F(SlurmArray, SendsGroupsThatNeedTheSameTogether) {
  stand_in("squeue", R"(
case $(wc -l <$FOLDER/calls) in
  1) echo '1|1|OUT_OF_MEMORY|x'; echo '1|2|TIMEOUT|x'; echo '1|3|OUT_OF_MEMORY|x';;
  *) for task in '2|1' '2|3' '3|2'; do echo "$task|COMPLETED|None"; done
     for group in 1 2 3; do echo 0 >$FOLDER/group-$group-attempt-2.exit; done;;
esac)");
  options.groups = 3;
  ASSERT_TRUE(run());
  EXPECT_THAT(calls, HasSubstr("--array=1,3 --cpus-per-task=2 --mem=800M --time=10 "));
  EXPECT_THAT(calls, HasSubstr("--array=2 --cpus-per-task=2 --mem=400M --time=20 "));
  EXPECT_THAT(said, HasSubstr("group 2: it was ended at its limit of time\n"));
}

TEST_F(SlurmArray, BelievesTheTasksOwnFileWhereSlurmHasForgotten) {
  stand_in("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
  folder.write("group-1-attempt-1.exit", "1\n");
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->groups[0].done);
}

TEST_F(SlurmArray, AsksTheAccountsWhereNothingElseIsLeft) {
  stand_in("squeue", "if [[ $(wc -l <$FOLDER/calls) == 2 ]]; then echo '2|1|COMPLETED|None'; fi");
  stand_in("sacct",
           "if [[ $(wc -l <$FOLDER/calls) == 1 ]]; then echo '1_1|TIMEOUT|0:15'; else echo '2_1|COMPLETED|0:0'; fi");
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->groups[0].done);
  EXPECT_THAT(calls, HasSubstr("--time=20 "));
}

TEST_F(SlurmArray, GoesOnWhileTheControllerIsAway) {
  stand_in("squeue", R"(
echo look >>$FOLDER/looks
if [[ $(wc -l <$FOLDER/looks) -lt 5 ]]; then
  echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1
fi
echo '1|1|COMPLETED|None'; echo 0 >$FOLDER/group-1-attempt-1.exit)");
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->groups[0].done);
  const std::size_t once = said.find("Unable to contact");
  EXPECT_NE(once, std::string::npos);
  EXPECT_EQ(said.find("Unable to contact", once + 1), std::string::npos) << said;
}

TEST_F(SlurmArray, GivesUpAGroupThatNoNodeCanTake) {
  stand_in("sbatch", R"(
echo "$@" >>$FOLDER/calls
if [[ $(wc -l <$FOLDER/calls) == 1 ]]; then echo 1; else
  echo 'sbatch: error: Batch job submission failed: Requested node configuration is not available' >&2; exit 1
fi)");
  stand_in("squeue", R"(
echo '1|1|OUT_OF_MEMORY|x'; echo '1|2|COMPLETED|None'; echo 0 >$FOLDER/group-2-attempt-1.exit)");
  options.groups = 2;
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->groups[0].done);
  EXPECT_EQ(end->groups[0].attempts, 1U);
  EXPECT_TRUE(end->groups[1].done);
  EXPECT_THAT(said,
              HasSubstr("group 1: given up: cannot be sent again with 800 MiB (budget 600 MiB), 10 min 00 s: "
                        "sbatch: error: Batch job submission failed: Requested node configuration is not available"));
}

TEST_F(SlurmArray, GivesUpAfterTheLastAttempt) {
  stand_in("squeue", "echo \"$(wc -l <$FOLDER/calls)|1|NODE_FAIL|None\"");
  options.attempts = 2;
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->groups[0].done);
  EXPECT_EQ(end->groups[0].attempts, 2U);
  EXPECT_THAT(said, HasSubstr("group 1: given up: its node failed, in the last of 2 attempts; see "));
}

TEST_F(SlurmArray, AsksForNoMoreMemoryThanItMay) {
  stand_in("squeue", "echo \"$(wc -l <$FOLDER/calls)|1|OUT_OF_MEMORY|None\"");
  options.most_memory = MiB(600);
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->groups[0].done);
  EXPECT_THAT(calls, HasSubstr("--mem=600M "));
  EXPECT_THAT(said, HasSubstr("given up: it was killed for its memory, and has had all of the 600 MiB it may have"));
}

TEST_F(SlurmArray, CannotDoubleATimeThatItDidNotAskFor) {
  stand_in("squeue", "echo '1|1|TIMEOUT|TimeLimit'");
  options.need.time = std::nullopt;
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->groups[0].done);
  EXPECT_THAT(said, HasSubstr("group 1: given up: it was ended at the partition's limit of time; --time-limit asks"));
}

TEST_F(SlurmArray, KeepsTheVerdictsOfAGroupThatCannotHaveMore) {
  stand_in("squeue", "echo '1|1|FAILED|NonZeroExitCode'");
  folder.write("group-1-attempt-1.exit", "1\n");
  folder.write(
      "group-1/attempt-1/events.jsonl",
      R"({"v":1,"at":1,"event":"test_finished","worker":0,"test":0,"id":"a","verdict":"over_budget","duration":1})"
      "\n");
  options.most_memory = options.need.memory;
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->groups[0].done);
  EXPECT_THAT(said,
              HasSubstr("group 1: 1 test did not fit the task's memory even alone, and has had all of the 400 MiB"));
}

TEST_F(SlurmArray, SaysWhySbatchRefuses) {
  stand_in("sbatch", "echo 'sbatch: error: invalid partition specified: nowhere' >&2; exit 1");
  const auto end = run();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().text(), "sbatch: error: invalid partition specified: nowhere");
}

TEST_F(SlurmArray, CancelsAtASignal) {
  stand_in("squeue", "kill -INT $PPID; echo '1|1|RUNNING|None'; exec sleep 1000");
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->interrupted);
  EXPECT_FALSE(end->groups[0].done);
  EXPECT_EQ(folder.read("cancelled"), "1\n");
  EXPECT_THAT(said, HasSubstr("interrupted: cancelled job 1, with 1 group that had not ended\n"));
}

TEST_F(SlurmArray, CancelsWhatASignalFoundBeingSubmitted) {
  stand_in("sbatch", "kill -TERM $PPID; echo 41");
  stand_in("squeue", "echo '41|1|RUNNING|None'");
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->interrupted);
  EXPECT_EQ(folder.read("cancelled"), "41\n");
}

TEST_F(SlurmArray, SaysWhatIsToBeCancelledByHand) {
  stand_in("squeue", "kill -INT $PPID; exec sleep 1000");
  stand_in("scancel", "echo 'scancel: error: no contact' >&2; exit 1");
  const auto end = run();
  ASSERT_TRUE(end);
  EXPECT_THAT(said, HasSubstr("cannot cancel job 1: scancel: error: no contact\n  -> by hand: scancel 1\n"));
}

}  // namespace
}  // namespace fittest::cluster
