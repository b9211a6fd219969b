#pragma once
// The kernel's own account of whom it killed for memory.
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"

namespace fittest::memory {

struct KernelKill {
  double seconds = 0;  // since boot
  pid_t pid = 0;
  std::string program;
  Bytes resident;
  std::string limited_by;  // the cgroup whose limit it was; empty where the whole machine was short of memory
};

// From records as /dev/kmsg gives them ("4,339,5140900,-;text"), oldest first. What is no kill is passed over.
std::vector<KernelKill> parse_kernel_kills(std::string_view log);

// Reads dev/kmsg below `root`. Fails where that is not allowed: an unprivileged user, kernel.dmesg_restrict = 1.
Result<std::vector<KernelKill>> read_kernel_kills(const std::filesystem::path& root = "/");

}  // namespace fittest::memory
