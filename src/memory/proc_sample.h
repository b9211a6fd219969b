#pragma once
// What a set of processes holds, read from /proc at a bounded price.
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "core/bytes.h"
#include "memory/process_table.h"

namespace fittest::memory {

// The exact figure (PSS, shared pages divided among their users) costs a walk over the page tables, so a process gets a
// new one only now and then: all walks together take at most 5 % of one core. In between, its resident memory's growth
// since then is added: pages touched anew are nearly always its own. Pages copied on write are seen at the next walk.
class ProcSampler {
 public:
  // Of `processes`, whose resident memory is taken from the entries handed in.
  [[nodiscard]] Bytes held(const std::vector<ProcessStat>& processes);
  // Forgets all but these.
  void keep_only(const std::set<pid_t>& alive);

 private:
  struct Figure {
    std::uint64_t start_time = 0;
    Bytes proportional;
    Bytes resident;  // at the moment of `proportional`
    std::chrono::steady_clock::time_point next_walk{};
  };
  std::map<pid_t, Figure> figures_;
};

}  // namespace fittest::memory
