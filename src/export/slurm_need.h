#pragma once
// What the tasks of a Slurm job array ask for, from what is known of their tests. Pure.
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "export/slurm.h"
#include "plan/scheduler.h"

namespace fittest::exporting {

struct NeedOptions {
  unsigned workers = 1;
  Bytes session;                     // what the framework's session holds once it has collected
  std::optional<Bytes> budget;       // the user's
  std::optional<Seconds> time;       // likewise
  std::optional<Bytes> most_memory;  // likewise: `--mem` is never more
  // How the cluster counts a page that several processes share: once, or (jobacct_gather/linux without UsePss) for each
  // of them. Workers are forked from the session and share most of it.
  enum class SharedPages { count_once, count_each } shared_pages = SharedPages::count_once;
};

// One array has one `--mem` and one `--time`: enough for the group that needs most.
// Memory: the session, and as many of the group's hungriest tests as there are workers. Time: three times the longest
// group's, and ten minutes for what is not measured; none where more than half of the tests of a group are unknown.
SlurmNeed slurm_need(const std::vector<std::vector<plan::Prediction>>& groups, const NeedOptions& options);

// For a task that was killed for its memory, or whose tests did not fit the budget: twice of it, up to `most`.
SlurmNeed with_more_memory(const SlurmNeed& need, std::optional<Bytes> most);
// For one that was ended at its limit of time: twice of it.
SlurmNeed with_more_time(const SlurmNeed& need);

}  // namespace fittest::exporting
