#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/descriptor.h"
#include "core/error.h"

namespace fittest::suite {

struct ProcessOrder {
  std::vector<std::string> command;      // [0] is looked up in PATH
  std::vector<std::string> environment;  // "NAME=value", beside what fittest itself has
  std::vector<std::string> join_files;   // written "0\n" to before anything else: memory domains
  std::vector<int> keep;                 // descriptors that stay open, under the same numbers
  std::optional<int> input;              // nothing: /dev/null
  std::optional<int> output;             // nothing: fittest's own
  std::optional<int> error;              // nothing: fittest's own
  bool own_session = true;               // apart from the terminal, whose Ctrl-C is fittest's to hear
  bool ends_with_fittest = false;        // SIGKILL when fittest is gone, whatever its end was
};

// A child of fittest. Whoever holds it waits for it.
struct Process {
  pid_t pid = 0;
  Descriptor handle;  // a pidfd, readable when the process has ended; empty before Linux 5.3
};

// Starts a process. Errors: it could not be forked, a domain could not be joined, the program could not be executed.
Result<Process> start_process(const ProcessOrder& order);

// A pidfd; empty where the kernel has none or the process is gone.
Descriptor open_pidfd(pid_t pid);

}  // namespace fittest::suite
