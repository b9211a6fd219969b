#include "plan/bound.h"

#include <algorithm>

namespace fittest::plan {

Seconds LowerBound::value() const {
  return std::max({longest, by_cores, by_memory, one_at_a_time});
}

LowerBound lower_bound(std::span<const Measured> tests, unsigned cores, Bytes budget) {
  LowerBound bound;
  Seconds total = 0;
  double area = 0;  // bytes x seconds
  for (const Measured& test : tests) {
    bound.longest = std::max(bound.longest, test.duration);
    total += test.duration;
    if (test.peak + test.peak > budget) bound.one_at_a_time += test.duration;
    // A test that took more than the budget ran alone and held all of it.
    area += static_cast<double>(std::min(test.peak, budget).value) * test.duration;
  }
  bound.by_cores = total / std::max(1U, cores);
  if (budget > Bytes{}) bound.by_memory = area / static_cast<double>(budget.value);
  return bound;
}

}  // namespace fittest::plan
