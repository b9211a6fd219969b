#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/descriptor.h"
#include "core/error.h"

namespace fittest::run {

// A small process that outlives fittest by a moment: when fittest is gone without having said goodbye (kill -9), it kills
// what is left of the suite and removes the run's cgroups. Start it before there is any thread.
class Guard {
 public:
  // `run_id`: marks the processes of the run where there is no cgroup (memory::WorkerDomain::environment).
  static Result<Guard> start(const std::string& run_id);
  Guard(Guard&& other) noexcept;
  Guard& operator=(Guard&&) = delete;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  // Says goodbye, and waits for the guard to end.
  ~Guard();

  // What to remove; memory::RunDomain::cgroup_directories.
  void watch(const std::vector<std::filesystem::path>& directories);

 private:
  Guard(pid_t pid, Descriptor pipe) : pid_(pid), pipe_(std::move(pipe)) {}
  pid_t pid_ = 0;
  Descriptor pipe_;
};

}  // namespace fittest::run
