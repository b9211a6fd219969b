#pragma once
#include <string>

#include "suite/pytest/pytest_suite.h"

namespace fittest::cli {

// How this Python's heap is watched. `mode`: off, count, sample, exact; `source`: where that was said. Where it cannot
// be watched, HeapWatch::why_not says why: the tracker is not installed, or this Python is not built for glibc. Whether
// it could be loaded is known in the session only.
suite::pytest::HeapWatch heap_watch(const std::string& mode, const std::string& source,
                                    const suite::pytest::Interpreter& python);

}  // namespace fittest::cli
