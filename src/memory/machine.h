#pragma once
// All that `fittest doctor` looks at, read once; findings are made from the copy.
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"
#include "memory/budget.h"
#include "memory/domain.h"
#include "memory/kernel_log.h"

namespace fittest::memory {

// An ancestor of the own cgroup (the own one is the first of them), limited or not.
struct CgroupState {
  std::string version;         // "v2", "v1"
  std::string name;            // as the kernel calls it: "/user.slice"
  std::optional<Bytes> limit;  // memory.max, memory.limit_in_bytes
  std::optional<Bytes> high;   // memory.high
  std::optional<Bytes> held;   // working set; v2's root has no figure of its own
  std::optional<std::uint64_t> kernel_kills;
};

struct HungryProcess {
  pid_t pid = 0;
  std::string name;
  Bytes resident;
};

struct Machine {
  MemoryLimits limits;
  std::vector<CgroupState> cgroups;
  std::optional<std::string> container;           // "docker", "podman", "kubernetes", "lxc" ...
  bool memory_controller_off = false;             // by the kernel's command line
  bool swap_accounting_off = false;               // there is swap, and cgroups cannot limit it
  bool tmp_is_memory = false;                     // /tmp is a tmpfs
  std::optional<std::uint64_t> kills_since_boot;  // on the whole machine
  double uptime = 0;                              // seconds
  Result<std::vector<KernelKill>> kernel_kills;   // newest last
  std::vector<HungryProcess> hungriest;           // at most five, the largest first
};

Result<Machine> read_machine(const std::filesystem::path& root = "/");

// Which kind of domain there is, found by opening one of `budget` and closing it again.
struct DomainTrial {
  std::optional<DomainKind> kind;
  bool enforces = false;
  std::vector<std::string> reasons;       // why each better kind is not to be had
  std::vector<std::string> shortcomings;  // what this kind cannot do here
};
DomainTrial try_domain(Bytes budget);

}  // namespace fittest::memory
