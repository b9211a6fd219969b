#pragma once
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <string>

namespace fittest {

// How a process ended, from the status that wait(2) gives.
class ExitStatus {
 public:
  ExitStatus() = default;
  explicit ExitStatus(int wait_status) : status_(wait_status) {}

  [[nodiscard]] bool by_signal() const { return WIFSIGNALED(status_); }
  [[nodiscard]] int signal() const { return by_signal() ? WTERMSIG(status_) : 0; }
  [[nodiscard]] int code() const { return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + signal(); }
  // "exit code 3", "signal 11 (Segmentation fault)".
  [[nodiscard]] std::string text() const {
    if (!by_signal()) return "exit code " + std::to_string(code());
    const char* words = ::strsignal(signal());
    return "signal " + std::to_string(signal()) + " (" + (words != nullptr ? words : "unknown") + ")";
  }

 private:
  int status_ = 0;
};

}  // namespace fittest
