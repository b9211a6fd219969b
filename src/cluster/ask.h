#pragma once
#include <string>
#include <vector>

#include "cluster/interruption.h"
#include "core/error.h"
#include "core/exit_status.h"

namespace fittest::cluster {

struct Answer {
  ExitStatus status;
  std::string output;
  std::string error;
  [[nodiscard]] bool ok() const { return !status.by_signal() && status.code() == 0; }
};

// What a signal does to it.
enum class Signals { end_it, wait_for_its_end };

struct Asked {
  Answer answer;             // empty where a signal has ended it
  bool interrupted = false;  // a signal has come
};

// Runs one of the cluster's programs to its end. Errors: it is not there, it took longer than `longest`.
Result<Asked> ask(const std::vector<std::string>& command, Interruption& interruption,
                  Signals signals = Signals::end_it, Seconds longest = 60);

}  // namespace fittest::cluster
