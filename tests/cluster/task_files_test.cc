#include "cluster/task_files.h"

#include <gtest/gtest.h>

#include "support/folder.h"

namespace fittest::cluster {
namespace {

using namespace std::string_literals;

exporting::SlurmJob job_in(const Folder& folder) {
  exporting::SlurmJob job;
  job.results = folder.path();
  return job;
}

TEST(TaskFiles, AreWhatATaskHasLeft) {
  const Folder folder;
  folder.write("group-2-attempt-1.exit", "1\n");
  folder.write("group-2-attempt-1.out", "hello\n");
  folder.write(
      "group-2/attempt-1/events.jsonl",
      R"({"v":1,"at":1,"event":"test_finished","worker":0,"test":0,"id":"a","verdict":"over_budget","duration":1})"
      "\n"
      R"({"v":1,"at":1,"event":"test_finished","worker":0,"test":1,"id":"b","verdict":"passed","duration":1})"
      "\n");
  const TaskFiles files = read_task_files(job_in(folder), 2, 1);
  EXPECT_EQ(files.exit_code, 1);
  EXPECT_EQ(files.output, "hello\n");
  EXPECT_EQ(files.over_budget, 1U);
}

TEST(TaskFiles, SayNothingWhereThereAreNone) {
  const Folder folder;
  const TaskFiles files = read_task_files(job_in(folder), 1, 1);
  EXPECT_EQ(files.exit_code, std::nullopt);
  EXPECT_EQ(files.output, "");
  EXPECT_EQ(files.over_budget, 0U);
}

TEST(TaskFiles, SayNothingWhereTheyAreDamaged) {
  const Folder folder;
  for (const char* text : {"", "\n", "one\n", "1", "-1\n", "256\n", "1\n1\n", " 1\n", "99999999999999999999\n"}) {
    folder.write("group-1-attempt-1.exit", text);
    EXPECT_EQ(read_task_files(job_in(folder), 1, 1).exit_code, std::nullopt) << text;
  }
  folder.write("group-1/attempt-1/events.jsonl", "{\"v\":1,\"event\":\"test_finished\"\0\xff"s);
  EXPECT_EQ(read_task_files(job_in(folder), 1, 1).over_budget, 0U);
}

TEST(TaskFiles, AreForgottenWhereARunKnewNoTests) {
  const Folder folder;
  folder.write("group-1/attempt-1/events.jsonl", "");
  folder.write("group-1/attempt-2/events.jsonl", "");
  folder.write("group-1/attempt-2/selection.json", "{}");
  for (const unsigned attempt : {1U, 2U, 3U}) forget_empty_run(job_in(folder), 1, attempt);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "group-1/attempt-1"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "group-1/attempt-2/events.jsonl"));
}

TEST(TaskFiles, KeepTheEndOfALongOutput) {
  const Folder folder;
  folder.write("group-1-attempt-1.out", std::string(1 << 20, '.') + "exceeded memory limit\n");
  const std::string output = read_task_files(job_in(folder), 1, 1).output;
  EXPECT_EQ(output.size(), 64U << 10);
  EXPECT_TRUE(output.ends_with("exceeded memory limit\n"));
}

}  // namespace
}  // namespace fittest::cluster
