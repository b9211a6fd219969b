#pragma once
// What of a cgroup's charge counts as held.
#include <string_view>

#include "core/bytes.h"
#include "memory/cgroup_place.h"

namespace fittest::memory {

// From the text of memory.stat: page cache that no process has mapped, which the kernel drops before it kills anyone.
// Files that are mapped (programs, libraries) are in use, and count; so /proc sampling counts them too.
Bytes unmapped_cache(std::string_view memory_stat, Hierarchy hierarchy);

}  // namespace fittest::memory
