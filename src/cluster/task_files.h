#pragma once
#include <optional>
#include <string>

#include "export/slurm.h"

namespace fittest::cluster {

// What an attempt has left in the results folder.
struct TaskFiles {
  std::optional<int> exit_code;  // nothing: killed, or never begun
  std::string output;            // its last 64 KiB
  unsigned over_budget = 0;      // tests with that verdict
};

// A file that is missing or damaged says nothing.
TaskFiles read_task_files(const exporting::SlurmJob& job, unsigned group, unsigned attempt);

// Removes the run folder of an attempt that ended before it knew its tests: there is nothing in it to be merged, and
// `fittest merge` would miss its tests, not knowing which attempt stands for it.
void forget_empty_run(const exporting::SlurmJob& job, unsigned group, unsigned attempt);

}  // namespace fittest::cluster
