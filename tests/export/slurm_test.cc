#include "export/slurm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "suite/process.h"
#include "support/folder.h"

namespace fittest::exporting {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string read(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

int exit_code(std::vector<std::string> command, std::vector<std::string> environment = {}) {
  suite::ProcessOrder order;
  order.command = std::move(command);
  order.environment = std::move(environment);
  const auto process = suite::start_process(order);
  if (!process) return 127;
  int status = 0;
  ::waitpid(process->pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

SlurmJob job() {
  return {.program = "/opt/fittest",
          .folder = "/home/me/project",
          .results = "/shared/results",
          .workers = 2,
          .python = "/usr/bin/python3",
          .partition = "long",
          .sbatch_arguments = {"--account=physics"},
          .arguments = {"-m", "not slow", "tests"}};
}

// Whatever a name may hold.
SlurmJob hostile_job(const fs::path& folder) {
  SlurmJob job;
  job.folder = folder / "it's $HOME `here` \\ \"x\"";
  job.results = folder / "100 %a !";
  job.program = folder / "pro gram";
  job.arguments = {"-k", "a'b", "t.py::test[$(touch /) \n -x]", "", "\xff"};
  return job;
}

TEST(Slurm, ListsIndices) {
  EXPECT_EQ(index_list({3, 1, 2, 7, 7}), "1-3,7");
  EXPECT_EQ(index_list({5}), "5");
  EXPECT_EQ(index_list({1, 2}), "1-2");
}

TEST(Slurm, SubmitsAnArrayOfTheGroups) {
  const SlurmNeed need{.budget = MiB(500), .memory = MiB(600) + Bytes{1}, .time = 61};
  EXPECT_THAT(sbatch_command(job(), {1, 2, 4}, 3, need),
              testing::ElementsAre("sbatch", "--parsable", "--no-requeue", "--job-name=fittest", "--nodes=1",
                                   "--ntasks=1", "--array=1-2,4", "--cpus-per-task=2", "--mem=601M", "--time=2",
                                   "--partition=long", "--output=/shared/results/group-%a-attempt-3.out",
                                   "--account=physics", "/shared/results/task.sh", "3", "524288000"));
  EXPECT_THAT(sbatch_command(job(), {1}, 1, {.budget = MiB(1), .memory = MiB(1), .time = {}}),
              Not(Contains(StartsWith("--time"))));
}

TEST(Slurm, ReplacesNothingInAFoldersName) {
  SlurmJob odd = job();
  odd.results = "/shared/100%a";
  EXPECT_THAT(sbatch_command(odd, {1}, 1, {}), Contains("--output=/shared/100%%a/group-%a-attempt-1.out"));
}

TEST(Slurm, ScriptRunsTheGroupOfItsTask) {
  const std::string script = slurm_script(job());
  EXPECT_THAT(script, StartsWith("#!/bin/bash\n"));
  EXPECT_THAT(script, HasSubstr("cd -- /home/me/project || return 4\n"));
  EXPECT_THAT(script, HasSubstr("  /opt/fittest pytest --plan \"$results/plan.json\" --group \"$group\" \\\n"));
  EXPECT_THAT(script, HasSubstr("    --python /usr/bin/python3 -n 2 -m 'not slow' tests\n"));
}

TEST(Slurm, ScriptIsCleanForShellcheck) {
  if (exit_code({"shellcheck", "--version"}) == 127) GTEST_SKIP() << "shellcheck is not installed";
  const Folder folder;
  for (const SlurmJob& each : {job(), hostile_job(folder.path())}) {
    const fs::path script = folder.path() / "task.sh";
    std::ofstream(script) << slurm_script(each);
    EXPECT_EQ(exit_code({"shellcheck", script.string()}), 0) << slurm_script(each);
  }
}

// Run as Slurm runs it, with a program that writes down what it was given.
TEST(Slurm, ScriptHandsOverWhatItWasTold) {
  const Folder folder;
  const SlurmJob hostile = hostile_job(folder.path());
  fs::create_directories(hostile.folder);
  fs::create_directories(hostile.results);
  std::ofstream(hostile.program) << "#!/bin/bash\npwd >seen\nprintf '%s\\0' \"$@\" >>seen\nexit 1\n";
  fs::permissions(hostile.program, fs::perms::owner_all);
  const fs::path script = folder.path() / "task.sh";
  std::ofstream(script) << slurm_script(hostile);
  EXPECT_EQ(exit_code({"bash", script.string(), "2", "1024"}, {"SLURM_ARRAY_TASK_ID=7"}), 1);
  std::string expected = hostile.folder.string() + "\n";
  for (const std::string& word :
       {std::string("pytest"), std::string("--plan"), hostile.plan().string(), std::string("--group"), std::string("7"),
        std::string("--run-folder"), hostile.run_folder(7, 2).string(), std::string("--budget"), std::string("1024"),
        std::string("-n"), std::string("1")}) {
    expected += word + '\0';
  }
  for (const std::string& word : hostile.arguments) expected += word + '\0';
  EXPECT_EQ(read(hostile.folder / "seen"), expected);
  EXPECT_EQ(read(hostile.exit_file(7, 2)), "1\n");
  EXPECT_TRUE(fs::is_directory(hostile.results / "group-7"));
}

// SIGTERM comes to all processes of a task: the script stays until fittest has ended in order.
TEST(Slurm, ScriptWritesDownTheExitCodeAfterSigterm) {
  const Folder folder;
  SlurmJob stopped{.program = folder.path() / "program",
                   .folder = folder.path(),
                   .results = folder.path(),
                   .python = {},
                   .partition = {},
                   .sbatch_arguments = {},
                   .arguments = {}};
  std::ofstream(stopped.program) << "#!/bin/bash\ntrap 'exit 2' TERM\nkill -TERM $PPID $$\nwait\nexit 3\n";
  fs::permissions(stopped.program, fs::perms::owner_all);
  std::ofstream(folder.path() / "task.sh") << slurm_script(stopped);
  EXPECT_EQ(exit_code({"bash", (folder.path() / "task.sh").string(), "1", "1"}, {"SLURM_ARRAY_TASK_ID=1"}), 2);
  EXPECT_EQ(read(stopped.exit_file(1, 1)), "2\n");
}

TEST(Slurm, ScriptSaysWhereItsFolderIsMissing) {
  const Folder folder;
  SlurmJob lost = job();
  lost.folder = folder.path() / "nowhere";
  lost.results = folder.path();
  std::ofstream(folder.path() / "task.sh") << slurm_script(lost);
  EXPECT_EQ(exit_code({"bash", (folder.path() / "task.sh").string(), "1", "1"}, {"SLURM_ARRAY_TASK_ID=1"}), 4);
  EXPECT_EQ(read(lost.exit_file(1, 1)), "4\n");
  EXPECT_NE(exit_code({"bash", (folder.path() / "task.sh").string()}, {"SLURM_ARRAY_TASK_ID=1"}), 0);
}

}  // namespace
}  // namespace fittest::exporting
