#pragma once
// The one place where the folders of runs are read.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "merge/run.h"

namespace fittest::merge {

struct RunsRead {
  std::vector<Run> runs;
  std::vector<std::string> problems;  // a folder that was named and holds no run
  std::vector<std::string> notices;
};

// `named`: folders of runs, or folders that hold some at any depth, below which nothing of `except` is looked at.
// Errors: a name that does not exist, what cannot be read, a selection.json that is none, no run anywhere.
Result<RunsRead> read_runs(const std::vector<std::filesystem::path>& named, const std::filesystem::path& except);

// So many bytes of failures' texts are kept whole, over all runs; later ones are cut, so that a suite that fails as a
// whole can be merged too.
inline constexpr std::size_t kWholeMessages = 64 << 20;

}  // namespace fittest::merge
