#pragma once
// How much memory there really is. Reads once (`read_limits`), decides on the copy (`choose_budget`, pure).
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"

namespace fittest::memory {

struct Limit {
  Bytes bytes;
  std::string source;  // "cgroup v2 /user.slice memory.max", "MemAvailable", ...
  Bytes used = {};     // what is in use below that limit already (working set)
};

// What limits memory on this machine, from the files of the kernel.
struct MemoryLimits {
  Bytes mem_total;
  Bytes mem_available;
  Bytes swap_total;
  Bytes swap_free;
  int overcommit_memory = 0;           // /proc/sys/vm/overcommit_memory: 0, 1, 2
  std::optional<Bytes> commit_left;    // CommitLimit - Committed_AS, only where overcommit_memory is 2
  std::optional<Bytes> address_space;  // RLIMIT_AS
  std::vector<Limit> cgroups;          // every ancestor with a finite limit, innermost first
};

// Reads below `root` ("/" on a real machine; a fixture tree in tests).
Result<MemoryLimits> read_limits(const std::filesystem::path& root = "/");

struct Budget {
  Bytes bytes;
  Bytes reserve;       // what was left out for the rest of the machine (0 when the user named bytes)
  std::string source;  // for the first line of output: "--budget 4G", "cgroup v1 /a/b memory.limit_in_bytes", ...
};

// For people: the source, and what was left out of it.
std::string describe_source(const Budget& budget);

// What of the reserve a test may still have that fits nowhere else, alone: all but 128 MiB, or nothing where that is
// less than 1 % of the budget.
Bytes lendable(const Budget& budget);

// `asked`: nothing, a size ("4G") or a share ("75%", of what the machine really has, no reserve then).
// Without it: the smallest of each cgroup's free room and MemAvailable, less a reserve (5 %, at least 128 MiB, at most
// 1 GiB). Errors: malformed, 0, smaller than 64 MiB, more than the machine can give (names both figures).
Result<Budget> choose_budget(const MemoryLimits& limits, const std::optional<std::string>& asked);

}  // namespace fittest::memory
