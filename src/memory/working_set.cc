#include "memory/working_set.h"

#include "memory/cgroup_files.h"

namespace fittest::memory {

Bytes unmapped_cache(std::string_view memory_stat, Hierarchy hierarchy) {
  // v1 has each figure twice: without the cgroups below and, as "total_", with them.
  const bool v2 = hierarchy == Hierarchy::v2;
  const auto figure = [&](std::string_view key) { return Bytes{parse_key(memory_stat, key).value_or(0)}; };
  const Bytes cache =
      figure(v2 ? "inactive_file" : "total_inactive_file") + figure(v2 ? "active_file" : "total_active_file");
  // Mapped shared memory is in this figure too, though not in the ones above: then a little more counts as held.
  return cache - figure(v2 ? "file_mapped" : "total_mapped_file");
}

}  // namespace fittest::memory
