#pragma once
// What /proc says of the processes of this machine.
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
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

// The process table for one who looks often. A process that was found to be of no interest keeps none by changing: so
// its entry is read anew only twice a second, in case its pid went to another, and a look costs little more than the
// processes that matter and those that are new.
class ProcessWatch {
 public:
  [[nodiscard]] std::vector<ProcessStat> read();
  // What `read` returned of these may be returned again for a while.
  void pass_over(const std::vector<ProcessStat>& strangers);
  // Everything counts as new again.
  void look_at_all() { strangers_.clear(); }

 private:
  std::unordered_map<pid_t, ProcessStat> strangers_;
  std::chrono::steady_clock::time_point next_full_{};
};

// What a process holds by its page tables, at one moment.
struct Held {
  Bytes own;     // pages that no other process has, swapped ones included
  Bytes shared;  // its part of the pages that others have too, each divided among its users
  Bytes resident;
};
std::optional<Held> parse_smaps_rollup(std::string_view text);
// Costs a walk over the page tables: milliseconds for a large process. Nothing where it is gone or may not be read.
std::optional<Held> read_held(pid_t pid);
// Resident memory in one cheap read.
std::optional<Bytes> parse_statm(std::string_view text);
std::optional<Bytes> read_resident(pid_t pid);

// Identifies the own pid namespace, in which alone a pid means anything.
std::uint64_t own_pid_namespace();

}  // namespace fittest::memory
