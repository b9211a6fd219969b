#pragma once
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/descriptor.h"
#include "core/error.h"
#include "core/exit_status.h"
#include "core/ids.h"

namespace fittest::heap {

struct LaunchOrder {
  std::vector<std::string> command;      // never empty; looked for on the PATH
  std::vector<std::string> environment;  // "NAME=value", in the place of what has that name
  std::vector<std::string> without;      // names that are taken out
  std::optional<int> output;             // for the program's own standard streams; else ours
  std::optional<int> error;
};

// A program that runs in our place, so to say: on our terminal, in our process group, with our signals. From start() on
// signals that are sent to us are passed on to it, and do not end us; those that a terminal sends have reached it
// anyway. One at a time, in a process without other threads at start().
class Watched {
 public:
  static Result<Watched> start(const LaunchOrder& order);
  Watched(Watched&&) noexcept = default;
  Watched& operator=(Watched&&) = delete;
  ~Watched();

  // Waits until it has ended, one of `readable` can be read, or `patience` seconds (below 0: for ever) are over. True
  // when it has ended.
  bool wait(Seconds patience, const std::vector<int>& readable = {});
  [[nodiscard]] pid_t pid() const { return pid_; }

  // After the end:
  [[nodiscard]] ExitStatus status() const { return status_; }
  // The most it, or a process that it started and waited for, held resident, in bytes.
  [[nodiscard]] std::uint64_t resident() const { return resident_; }
  // That figure is no smaller than what we held ourselves when we forked: the kernel takes it over. Below this it says
  // nothing of the program.
  [[nodiscard]] std::uint64_t least_resident() const { return least_resident_; }

 private:
  Watched() = default;
  void take_signals();

  pid_t pid_ = 0;
  Descriptor signals_;
  sigset_t mask_before_{};
  bool ended_ = false;
  ExitStatus status_;
  std::uint64_t resident_ = 0;
  std::uint64_t least_resident_ = 0;
};

}  // namespace fittest::heap
