#pragma once
#include <span>

#include "core/bytes.h"
#include "core/ids.h"

namespace fittest::plan {

struct Measured {
  Bytes peak;
  Seconds duration = 0;
};

// No schedule can be shorter than this, in seconds: max(longest test, total time / cores, sum(peak x duration) /
// budget, total time of the tests that take more than half of the budget, of which no two fit at once). Source: area
// bounds of two-dimensional strip packing, with the cores and the memory as the widths.
struct LowerBound {
  Seconds longest = 0;
  Seconds by_cores = 0;
  Seconds by_memory = 0;
  Seconds one_at_a_time = 0;
  [[nodiscard]] Seconds value() const;
};
LowerBound lower_bound(std::span<const Measured> tests, unsigned cores, Bytes budget);

}  // namespace fittest::plan
