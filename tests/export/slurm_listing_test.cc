#include "export/slurm_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace fittest::exporting {
namespace {

// As Slurm 22.05 printed it.
constexpr std::string_view kSqueue =
    "1|1|COMPLETED|None\n"
    "1|3|FAILED|NonZeroExitCode\n"
    "1|2|FAILED|JobLaunchFailure\n"
    "4|2|PENDING|Resources\n"
    "4|1|RUNNING|None\n"
    "6|N/A|RUNNING|None\n";

constexpr std::string_view kScontrol =
    "JobId=1 ArrayJobId=1 ArrayTaskId=3 JobName=fittest UserId=root(0) GroupId=root(0) MCS_label=N/A "
    "Priority=4294901759 Nice=0 Account=(null) QOS=(null) JobState=FAILED Reason=NonZeroExitCode Dependency=(null) "
    "Requeue=1 Restarts=0 BatchFlag=1 Reboot=0 ExitCode=1:0 RunTime=00:00:00 TimeLimit=01:00:00 TimeMin=N/A "
    "SubmitTime=2026-11-24T21:53:58 Partition=main NodeList=node NumNodes=1 MinMemoryNode=100M Command=/tmp/a b.sh "
    "WorkDir=/tmp StdErr=/tmp/JobState=RUNNING.out StdIn=/dev/null StdOut=/tmp/JobState=RUNNING.out Power= \n"
    "JobId=3 ArrayJobId=1 ArrayTaskId=2 JobName=fittest UserId=root(0) GroupId=root(0) MCS_label=N/A "
    "Priority=4294901759 Nice=0 Account=(null) QOS=(null) JobState=FAILED Reason=JobLaunchFailure Dependency=(null) "
    "Requeue=1 Restarts=0 BatchFlag=1 Reboot=0 ExitCode=0:9 RunTime=00:00:01 TimeLimit=01:00:00 TimeMin=N/A Power= \n"
    "JobId=2 ArrayJobId=1 ArrayTaskId=1 JobName=fittest UserId=root(0) GroupId=root(0) MCS_label=N/A "
    "Priority=4294901759 Nice=0 Account=(null) QOS=(null) JobState=COMPLETED Reason=None Dependency=(null) "
    "Requeue=1 Restarts=0 BatchFlag=1 Reboot=0 ExitCode=0:0 RunTime=00:00:00 TimeLimit=01:00:00 TimeMin=N/A Power= \n";

constexpr std::string_view kScontrolPending =
    "JobId=1 ArrayJobId=1 ArrayTaskId=1-3 JobName=fittest UserId=root(0) GroupId=root(0) MCS_label=N/A Nice=0 "
    "JobState=PENDING Reason=None Dependency=(null) ExitCode=0:0 RunTime=00:00:00\n";

// As the manual of sacct has it.
constexpr std::string_view kSacct =
    "12_1|COMPLETED|0:0\n"
    "12_2|OUT_OF_MEMORY|0:125\n"
    "12_3|CANCELLED by 1000|0:15\n"
    "12_4|FAILED|1:0\n"
    "12_[5-9]|PENDING|0:0\n";

constexpr std::string_view kConfiguration =
    "JobAcctGatherFrequency  = task=1\n"
    "JobAcctGatherType       = jobacct_gather/linux\n"
    "JobAcctGatherParams     = OverMemoryKill\n";

TEST(SlurmListing, ReadsTheNumberOfAJob) {
  EXPECT_EQ(read_sbatch("17\n"), "17");
  EXPECT_EQ(read_sbatch("17;east\n"), "17");
  EXPECT_EQ(read_sbatch("sbatch: warning: can't run 1 processes\n17\n"), "17");
  EXPECT_EQ(read_sbatch(""), std::nullopt);
  EXPECT_EQ(read_sbatch("sbatch: error: 17\n"), std::nullopt);
}

TEST(SlurmListing, ReadsSqueue) {
  const auto tasks = read_squeue(kSqueue);
  ASSERT_EQ(tasks.size(), 5U) << "a job that is no array is not ours";
  EXPECT_EQ(tasks[1].job, "1");
  EXPECT_EQ(tasks[1].group, 3U);
  EXPECT_EQ(tasks[1].state.word, "FAILED");
  EXPECT_EQ(tasks[1].state.reason, "NonZeroExitCode");
  EXPECT_EQ(tasks[3].state.word, "PENDING");
  EXPECT_EQ(tasks[3].state.reason, "Resources");
  EXPECT_EQ(tasks[4].state.reason, "");
  EXPECT_THAT(squeue_command({"1", "4"}), testing::Contains("--jobs=1,4"));
}

TEST(SlurmListing, ReadsScontrol) {
  const auto tasks = read_scontrol(kScontrol);
  ASSERT_EQ(tasks.size(), 3U);
  EXPECT_EQ(tasks[0].state.word, "FAILED") << "a folder's name is not taken for a field";
  EXPECT_EQ(tasks[0].state.code, 1);
  EXPECT_EQ(tasks[0].state.signal, 0);
  EXPECT_EQ(tasks[0].state.reason, "NonZeroExitCode");
  EXPECT_EQ(tasks[1].job, "1");
  EXPECT_EQ(tasks[1].group, 2U);
  EXPECT_EQ(tasks[1].state.signal, 9);
  EXPECT_EQ(tasks[2].state.word, "COMPLETED");
  EXPECT_EQ(tasks[2].state.reason, "");
  EXPECT_TRUE(read_scontrol(kScontrolPending).empty());
}

TEST(SlurmListing, ReadsSacct) {
  const auto tasks = read_sacct(kSacct);
  ASSERT_EQ(tasks.size(), 4U);
  EXPECT_EQ(tasks[1].state.word, "OUT_OF_MEMORY");
  EXPECT_EQ(tasks[1].state.signal, 125);
  EXPECT_EQ(tasks[2].state.word, "CANCELLED");
  EXPECT_EQ(tasks[3].state.code, 1);
  EXPECT_EQ(tasks[3].group, 4U);
  EXPECT_TRUE(read_sacct("Slurm accounting storage is disabled\n").empty());
}

TEST(SlurmListing, KnowsHowSharedPagesAreCounted) {
  EXPECT_TRUE(counts_shared_pages_each(kConfiguration));
  EXPECT_FALSE(
      counts_shared_pages_each(std::string(kConfiguration.substr(0, kConfiguration.size() - 1)) + ",UsePss\n"));
  EXPECT_FALSE(
      counts_shared_pages_each("JobAcctGatherType       = jobacct_gather/cgroup\n"
                               "JobAcctGatherParams     = OverMemoryKill\n"));
  EXPECT_FALSE(counts_shared_pages_each("JobAcctGatherType       = jobacct_gather/linux\n"));
  EXPECT_FALSE(counts_shared_pages_each(""));
}

TEST(SlurmListing, TakesNothingFromDamagedTextButWhatItSays) {
  std::mt19937 random(1);
  for (const std::string_view original : {kSqueue, kScontrol, kScontrolPending, kSacct, kConfiguration}) {
    for (int round = 0; round < 3000; ++round) {
      std::string text(original);
      for (int changes = std::uniform_int_distribution<int>(1, 6)(random); changes > 0 && !text.empty(); --changes) {
        const std::size_t at = std::uniform_int_distribution<std::size_t>(0, text.size() - 1)(random);
        switch (std::uniform_int_distribution<int>(0, 3)(random)) {
          case 0:
            text[at] = static_cast<char>(std::uniform_int_distribution<int>(0, 255)(random));
            break;
          case 1:
            text.erase(at, std::uniform_int_distribution<std::size_t>(1, 20)(random));
            break;
          case 2:
            text.insert(at, text.substr(at / 2, 15));
            break;
          default:
            text.resize(std::max<std::size_t>(at, 1));
            break;
        }
      }
      for (const auto& tasks : {read_squeue(text), read_scontrol(text), read_sacct(text)}) {
        for (const SlurmTask& task : tasks) {
          EXPECT_FALSE(task.job.empty());
          EXPECT_NE(text.find(task.job), std::string::npos);
          EXPECT_NE(text.find(std::to_string(task.group)), std::string::npos) << text;
          EXPECT_FALSE(task.state.word.empty());
        }
      }
      read_sbatch(text);
      counts_shared_pages_each(text);
    }
  }
}

}  // namespace
}  // namespace fittest::exporting
