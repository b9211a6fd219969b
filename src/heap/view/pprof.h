#pragma once
#include <string>

#include "core/error.h"
#include "heap/view/stacks.h"

namespace fittest::heap {

// pprof's profile.proto, gzipped: objects and bytes of each measure. What is held at the end bears the names that pprof
// has for it: inuse_objects, inuse_space. `by` is what pprof shows when nothing else is asked for.
Result<std::string> pprof_file(const Stacks& stacks, const Profile& about, Measure by);

// The message itself, not compressed.
std::string pprof_message(const Stacks& stacks, const Profile& about, Measure by);

}  // namespace fittest::heap
