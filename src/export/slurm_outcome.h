#pragma once
// What becomes of a group after its task has ended. Pure.
#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"

namespace fittest::exporting {

// How Slurm says that a task ended: a word of its own, and the exit code or the signal.
struct SlurmState {
  std::string word;  // "COMPLETED", "FAILED", "OUT_OF_MEMORY", ...
  std::optional<int> code;
  std::optional<int> signal;
  std::string reason;  // "NonZeroExitCode", or empty
};

// All that there is to judge by.
struct TaskEnd {
  std::optional<SlurmState> slurm;  // nothing: Slurm has forgotten the task
  std::optional<int> written_code;  // fittest's exit code, from the task's own file: the surest
  std::string_view output;          // the end of what the task and Slurm's daemon wrote
  unsigned over_budget = 0;         // tests that alone did not fit the budget
};

enum class Next {
  done,   // the group has run to its end; its tests may have failed
  again,  // as before
  again_more_memory,
  again_more_time,
  give_up,
};

struct Decision {
  Next next = Next::done;
  std::string why;  // for the user; empty where there is nothing to say
};

// True if each of the group's tests has its verdict.
bool ran_to_its_end(const TaskEnd& end);

// `attempt` counts from 1, up to `attempts`.
Decision decide(const TaskEnd& end, unsigned attempt, unsigned attempts);

// True if Slurm's word is of a task that will not run any more.
bool is_over(std::string_view state);

}  // namespace fittest::exporting
