#pragma once
#include <string>
#include <vector>

#include "merge/merge.h"

namespace fittest::merge {

struct SplitFindings {
  std::vector<std::string> lost;     // groups that have no run
  std::vector<std::string> unequal;  // groups that were not cut from the same
};
// Of runs in the order they started.
SplitFindings check_splits(const std::vector<Run>& runs, const std::vector<Part>& parts,
                           const std::optional<select::SplitPlan>& plan);

}  // namespace fittest::merge
