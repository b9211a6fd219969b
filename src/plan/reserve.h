#pragma once
// What is left out of the budget, for the rest of the machine, can be lent once to a test that fits nowhere else. When
// it is needed is decided here, whether there is any by whoever knows the machine.
#include "core/bytes.h"
#include "plan/scheduler.h"

namespace fittest::plan {

// Before a test has run: it is known to need what the budget for workers hardly has.
bool needs_reserve(const Prediction& hungriest, const Limits& limits);

// After its worker was killed for memory when the test held `observed`: with nothing more it would be killed again.
bool needs_reserve(Requeue outcome, Bytes observed, Bytes budget_for_workers);

}  // namespace fittest::plan
