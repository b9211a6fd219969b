#pragma once
// What sets of processes hold, read from /proc at a bounded price.
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "memory/process_table.h"

namespace fittest::memory {

// A process of the run, and the worker it belongs to.
struct Member {
  ProcessStat process;
  std::string worker;
};

// Counts as cgroups do: a page is its first owner's. What a process alone has is its worker's; what it shares with its
// ancestor (a zygote, of which it is a fork) is the ancestor's worker's. The sum over all workers is the sum of all
// processes' PSS, so no page counts twice.
//
// Exact figures cost a walk over the page tables of each process, and are right together only if they are of one
// moment. So all are walked in one go, as often as that takes at most 5 % of one core. In between, a process that is
// new is walked once, for what it alone has (the rest its ancestor's figure has already), and each one's growth of
// resident memory is added. Not seen in between: pages copied on write.
class ProcSampler {
 public:
  // To be told of all members of the run.
  void look(const std::vector<Member>& members);
  // With resident memory as of now.
  [[nodiscard]] Bytes held(const std::string& worker) const;

 private:
  struct Figure {
    std::uint64_t start_time = 0;
    Bytes own;
    Bytes shared;
    Bytes resident;  // at the moment of the walk
  };
  static void walk(const Member& member, Figure& figure);

  std::map<pid_t, Figure> figures_;
  std::map<std::string, std::vector<pid_t>> of_worker_;
  // Shared parts by the worker they belong to. Those of processes that ended since the last walk are among them: the
  // pages are still there, with those who shared them.
  std::map<std::string, Bytes> shared_;
  std::chrono::steady_clock::time_point next_walk_{};
};

}  // namespace fittest::memory
