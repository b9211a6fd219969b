#pragma once
#include <vector>

#include "history/store.h"
#include "merge/run.h"

namespace fittest::merge {

// Records what the runs measured, each under its own id. A run that the history knows to its end is passed over, so
// that merging twice changes nothing. `runs`: in the order they started.
void record_runs(const std::vector<Run>& runs, history::Store& history);

}  // namespace fittest::merge
