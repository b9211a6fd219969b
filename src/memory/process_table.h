#pragma once
// What /proc says of the processes of this machine.
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace fittest::memory {

// One line of /proc/<pid>/stat. `pid` and `start_time` together name a process for good: pids are given again.
struct ProcessStat {
  pid_t pid = 0;
  char state = '?';
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  std::uint64_t start_time = 0;  // clock ticks since boot
  Bytes resident;

  // Dead, but not yet waited for by its parent.
  [[nodiscard]] bool is_zombie() const { return state == 'Z' || state == 'X'; }
};

std::optional<ProcessStat> parse_stat(std::string_view text);
// Nothing where there is no such process.
std::optional<ProcessStat> read_stat(pid_t pid);

// Every process there is; costs some 10 microseconds each.
std::vector<ProcessStat> read_process_table();

// Memory of a process with shared pages divided among their users (PSS), swapped pages included. Costs a walk over
// its page tables: milliseconds for a large process. Nothing where it is gone or may not be read.
std::optional<Bytes> read_proportional(pid_t pid);
// Resident memory in one cheap read.
std::optional<Bytes> read_resident(pid_t pid);

// Identifies the own pid namespace, in which alone a pid means anything.
std::uint64_t own_pid_namespace();

}  // namespace fittest::memory
