#pragma once
// What Slurm's programs print, read. Lines that are not understood are passed over: Slurm's programs mix warnings into
// what they print, and what is missing is asked for elsewhere. Pure.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "export/slurm_outcome.h"

namespace fittest::exporting {

// A task of an array.
struct SlurmTask {
  std::string job;  // the array's number
  unsigned group = 0;
  SlurmState state;
};

// The job's number from `sbatch --parsable`: "123", or "123;cluster" in a federation. Nothing where there is none.
std::optional<std::string> read_sbatch(std::string_view output);

// The arguments that give what `read_squeue` reads, "JOB|INDEX|STATE|REASON"; all states, so that a task that has ended
// is told of as long as Slurm remembers it (MinJobAge).
std::vector<std::string> squeue_command(const std::vector<std::string>& jobs);
std::vector<SlurmTask> read_squeue(std::string_view output);

// With exit code and signal.
std::vector<std::string> scontrol_command(const std::string& job);
std::vector<SlurmTask> read_scontrol(std::string_view output);

// The same from the accounts, for clusters that have them.
std::vector<std::string> sacct_command(const std::string& job);
std::vector<SlurmTask> read_sacct(std::string_view output);

// From `scontrol show config`: true if memory is summed over the processes of a task with what they share counted each
// time, and a task killed for that sum.
bool counts_shared_pages_each(std::string_view configuration);

}  // namespace fittest::exporting
