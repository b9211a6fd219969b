#pragma once
#include <cstddef>
#include <filesystem>
#include <vector>

#include "core/error.h"
#include "merge/run.h"

namespace fittest::merge {

// The events of all runs in one file, by the time they happened, of one run in its order: `at` is on one clock, whose 0
// is the start of the first run; `run` is the run's id; `worker` and `test` count on from one run to the next, so that
// no two have the same. Lines that cannot be read are left out. The file is replaced whole or not at all.
// `runs`: in the order they started.
Result<void> write_timeline(const std::vector<Run>& runs, const std::filesystem::path& file);

}  // namespace fittest::merge
