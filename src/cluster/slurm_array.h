#pragma once
// A split in a Slurm cluster: submitted, followed to its end, and sent again where that can help.
#include <optional>
#include <string>
#include <vector>

#include "cluster/interruption.h"
#include "core/error.h"
#include "export/slurm.h"
#include "report/screen.h"

namespace fittest::cluster {

struct ArrayOptions {
  exporting::SlurmJob job;  // its results folder is there, with plan and script
  exporting::SlurmNeed need;
  unsigned groups = 1;
  unsigned attempts = 3;             // for each group
  std::optional<Bytes> most_memory;  // no attempt asks for more
  Seconds between_looks = 5;
};

// What became of a group.
struct GroupEnd {
  unsigned group = 1;
  unsigned attempts = 0;  // of which the last one's run folder counts
  bool done = false;      // all its tests have a verdict
};

struct ArrayEnd {
  std::vector<GroupEnd> groups;  // in their order
  bool interrupted = false;
};

// Errors: the array could not be submitted. What happens later is told on the screen, and said in the answer. At a
// signal, or at an error later, what still waits or runs is cancelled.
Result<ArrayEnd> run_slurm_array(const ArrayOptions& options, Interruption& interruption, report::Screen& screen);

}  // namespace fittest::cluster
