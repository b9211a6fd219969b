#pragma once
// The names of a run's cgroups: "fittest-<run id>.<pid>.<start time>.<pid namespace>". They say who made them, so that
// a later fittest can tell a run that lives from one that was killed -9.
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"

namespace fittest::memory {

struct DomainName {
  std::string run_id;
  pid_t owner = 0;
  std::uint64_t owner_start = 0;      // clock ticks since boot
  std::uint64_t owner_namespace = 0;  // inode of the pid namespace in which `owner` means something
  bool is_self = false;               // the leaf in which fittest itself waits ("...-self", v2 only)

  [[nodiscard]] std::string text() const;
  // True if the process that made the cgroup is surely gone. A pid of another namespace cannot be asked after.
  [[nodiscard]] bool owner_is_gone() const;
};

std::optional<DomainName> parse_domain_name(std::string_view text);

// The name for a run of this process. Fails for a run id of other characters than [A-Za-z0-9-].
Result<DomainName> own_domain_name(const std::string& run_id);

// Fails for a worker name that could not be a directory's: other characters than [A-Za-z0-9_-].
Result<void> check_worker_name(const std::string& name);

}  // namespace fittest::memory
