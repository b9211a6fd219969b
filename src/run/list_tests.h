#pragma once
#include <vector>

#include "core/error.h"
#include "core/test_list.h"
#include "run/run.h"
#include "run/selection.h"

namespace fittest::run {

// The tests that a suite would run, with their labels, in its order. `make_suite` makes one that only lists. Errors: it
// cannot be started, or does not collect; what it printed is then part of the error. Ends with the suite's process; an
// interrupt (SIGINT, SIGTERM) is an error too.
Result<TestList> list_tests(const MakeSuite& make_suite, Selection& selection);

}  // namespace fittest::run
