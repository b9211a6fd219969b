#pragma once
#include <string>

#include "heap/view/ranking.h"

namespace fittest::heap {

// What is said of a process whatever the report: program, how it was traced, what the counters say, notes, problems.
std::string process_text(const Profile& profile, const Look& look);

// The sizes that were asked for, in at most a dozen rows with bars.
std::string histogram_text(const Histogram& sizes, const Look& look);

// The report without options: the process, its figures, sizes, and the largest stacks.
std::string summary_text(const Profile& profile, const Stacks& stacks, const RankingOptions& options, const Look& look);

// "a sample every 64 KiB on average", "every allocation recorded", "counters alone".
std::string mode_text(const Profile& profile);

// "largest at the peak", for a headline over a ranking.
std::string ranking_title(Measure by);

}  // namespace fittest::heap
