#pragma once
#include <optional>
#include <string>

#include "core/ids.h"
#include "heap/view/ranking.h"

namespace fittest::heap {

// What is known of a program that is still running.
struct LiveState {
  std::string program;
  Seconds elapsed = 0;
  trace::Counters counters{};
  double allocations_per_second = 0;  // since the look before
  const Stacks* stacks = nullptr;     // as of `stacks_at`; none: not read yet, or none are recorded
  Seconds stacks_at = 0;
};

// A block of at most `lines` lines, redrawn in place on a terminal.
std::string live_block(const LiveState& state, std::size_t lines, const Look& look);

// One line for an output that is no terminal.
std::string live_line(const LiveState& state);

}  // namespace fittest::heap
