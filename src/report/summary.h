#pragma once
#include <string>
#include <vector>

#include "report/event.h"
#include "report/style.h"
#include "report/tally.h"

namespace fittest::report {

// The last lines of a run, at most `kLongestSummary` of them in 80 columns: what the framework's own summary above
// cannot know.
inline constexpr std::size_t kLongestSummary = 30;
std::vector<std::string> summary(const Tally& tally, const RunFinished& end, unsigned columns, const Style& style);

}  // namespace fittest::report
