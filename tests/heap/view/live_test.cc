#include "heap/view/live.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "../../report/snapshot.h"
#include "profiles.h"

namespace fittest::heap {
namespace {

using report::matches_snapshot;

TEST(Live, BlockAndLine) {
  const Stacks stacks = python_program().gathered();
  LiveState state{.program = "python3", .elapsed = 12.3, .counters = python_program().profile.counters};
  state.allocations_per_second = 1'234'567;
  std::string shown = live_block(state, 10, kNarrow) + "---\n" + live_line(state) + "\n---\n";
  state.stacks = &stacks;
  state.stacks_at = 11;
  state.allocations_per_second = 820;
  shown += live_block(state, 10, kNarrow) + "---\n" + live_line(state) + "\n";
  EXPECT_TRUE(matches_snapshot("live", shown));
}

TEST(Live, BlockKeepsToItsLinesAndColumns) {
  const Stacks stacks = python_program().gathered();
  LiveState state{.program = "python3", .elapsed = 12.3, .counters = {}};
  state.stacks = &stacks;
  const std::string block = live_block(state, 3, {30, report::Style(false)});
  EXPECT_EQ(std::ranges::count(block, '\n'), 3);
  EXPECT_LE(block.find('\n'), 30U);
}

}  // namespace
}  // namespace fittest::heap
