#pragma once
// What GitHub Actions shows of it.
#include <string>

#include "merge/merge.h"

namespace fittest::merge {

// For the step's summary: the table of runs, failures, what is missing.
std::string markdown(const Merged& merged);

// Workflow commands, one a line: `::error file=F,line=L,title=ID::MESSAGE`. GitHub shows ten of a step: where there is
// more, the tenth says how much.
std::string annotations(const Merged& merged);
inline constexpr std::size_t kMostAnnotations = 10;

}  // namespace fittest::merge
