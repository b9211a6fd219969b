#pragma once
#include <cstddef>
#include <string>

#include "heap/view/look.h"
#include "heap/view/stacks.h"

namespace fittest::heap {

struct RankingOptions {
  Measure by = Measure::peak;
  std::size_t limit = 10;        // stacks; 0: all
  std::size_t frames_limit = 0;  // of each stack, the innermost; 0: all
  double least_share = 0;        // of the whole: stacks with less are summed up too
};

// The stacks with most of a measure, each with its share, error, number of allocations and frames.
std::string ranking_text(const Stacks& stacks, const RankingOptions& options, const Look& look);

// The frames of a stack, one a line, innermost first: "     function  place". Of more than `limit` the outer ones are
// counted; 0: no limit.
void put_frames(std::string& out, const Stacks& stacks, const std::vector<std::uint32_t>& frames, std::size_t indent,
                std::size_t limit, const Look& look);

}  // namespace fittest::heap
