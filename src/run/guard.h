#pragma once
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/descriptor.h"
#include "core/error.h"

namespace fittest::run {

// A small process that outlives fittest by a moment: when fittest is gone without having said goodbye (kill -9), it
// kills what is left of the suite and removes the run's cgroups. Start it before there is any thread.
class Guard {
 public:
  static Result<Guard> start();
  Guard(Guard&& other) noexcept;
  Guard& operator=(Guard&&) = delete;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  // Says goodbye, and waits for the guard to end.
  ~Guard();

  // What to remove and to kill: memory::RunDomain::cgroup_directories and process_mark.
  void watch(const std::vector<std::filesystem::path>& directories, const std::optional<std::string>& mark);

 private:
  Guard(pid_t pid, Descriptor socket) : pid_(pid), socket_(std::move(socket)) {}
  pid_t pid_ = 0;
  Descriptor socket_;
};

}  // namespace fittest::run
