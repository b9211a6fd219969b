#include "plan/reserve.h"

namespace fittest::plan {
namespace {

// A peak that was measured is not to the byte what it will be.
constexpr double kHardlyFits = 0.99;
// A test that was killed had more before it than what it held when somebody looked.
constexpr double kNearlyAll = 0.95;

}  // namespace

bool needs_reserve(const Prediction& hungriest, const Limits& limits) {
  return hungriest.known && hungriest.peak + limits.worker_base > limits.budget.scaled(kHardlyFits);
}

bool needs_reserve(Requeue outcome, Bytes observed, Bytes budget_for_workers) {
  return outcome == Requeue::over_budget ||
         (outcome == Requeue::alone && observed > budget_for_workers.scaled(kNearlyAll));
}

}  // namespace fittest::plan
