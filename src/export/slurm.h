#pragma once
// A split as a Slurm job array: one task for each group. Pure: the script that each task runs, and the command that
// submits it. docs/slurm.md is its description for users.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"

namespace fittest::exporting {

// What a task asks of Slurm, and what of it the group's tests may hold.
struct SlurmNeed {
  Bytes budget;                 // `fittest pytest --budget`: session and tests
  Bytes memory;                 // `--mem`: with fittest itself and a margin
  std::optional<Seconds> time;  // `--time`; nothing: what the partition gives
};

// The same in each attempt. Paths are absolute, and the same on every node.
struct SlurmJob {
  std::filesystem::path program;  // fittest
  std::filesystem::path folder;   // where the tests are run
  std::filesystem::path results;  // on a file system that all nodes share
  unsigned workers = 1;           // `--cpus-per-task`
  std::optional<std::string> python;
  std::optional<std::string> partition;
  std::vector<std::string> sbatch_arguments;  // the user's; they win over ours
  std::vector<std::string> arguments;         // of `fittest pytest`

  [[nodiscard]] std::filesystem::path plan() const { return results / "plan.json"; }
  [[nodiscard]] std::filesystem::path script() const { return results / "task.sh"; }
  // What a task leaves there. Groups and attempts count from 1.
  [[nodiscard]] std::filesystem::path run_folder(unsigned group, unsigned attempt) const;
  [[nodiscard]] std::filesystem::path output(unsigned group, unsigned attempt) const;
  // fittest's exit code, as the task wrote it down; not there where the task was killed.
  [[nodiscard]] std::filesystem::path exit_file(unsigned group, unsigned attempt) const;
};

// Its arguments are the attempt and the budget in bytes. `comment`: lines for its head.
std::string slurm_script(const SlurmJob& job, const std::vector<std::string>& comment = {});

// `sbatch` for these groups, of which there is at least one.
std::vector<std::string> sbatch_command(const SlurmJob& job, const std::vector<unsigned>& groups, unsigned attempt,
                                        const SlurmNeed& need);

// "1-3,7" of {1, 2, 3, 7}.
std::string index_list(std::vector<unsigned> numbers);

}  // namespace fittest::exporting
