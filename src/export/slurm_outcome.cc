#include "export/slurm_outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>

namespace fittest::exporting {
namespace {

// fittest's and pytest's exit codes.
constexpr int kPassed = 0;
constexpr int kFailures = 1;
constexpr int kInterrupted = 2;
constexpr int kNoTests = 5;
// A shell's.
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
constexpr int kSignal = 128;

// What is written where memory was the end of a task: by slurmd (jobacct_gather, then the cgroup plugin, by version),
// and by fittest about its own session.
constexpr std::array<std::string_view, 6> kMemoryWords = {"exceeded memory limit",
                                                          "Exceeded job memory limit",
                                                          "oom-kill event",
                                                          "oom_kill event",
                                                          "collecting alone does not fit the budget",
                                                          "the process that collects and reports ended by signal 9"};

bool speaks_of_memory(std::string_view output) {
  return std::any_of(kMemoryWords.begin(), kMemoryWords.end(),
                     [&](auto words) { return output.find(words) != std::string_view::npos; });
}

std::optional<int> code_of(const TaskEnd& end) {
  if (end.written_code) return end.written_code;
  if (!end.slurm || end.slurm->signal.value_or(0) != 0) return std::nullopt;
  // Slurm's daemon has codes of its own where a task never began.
  if (end.slurm->word == "COMPLETED" || end.slurm->reason == "NonZeroExitCode") return end.slurm->code;
  return std::nullopt;
}

Decision without_attempts(const TaskEnd& end) {
  const std::string_view word = end.slurm ? std::string_view(end.slurm->word) : std::string_view();
  const std::optional<int> code = code_of(end);
  if (ran_to_its_end(end)) {
    if (end.over_budget == 0) return {};
    return {Next::again_more_memory, fmt::format("{} test{} did not fit the task's memory even alone", end.over_budget,
                                                 end.over_budget == 1 ? "" : "s")};
  }
  if (word == "OUT_OF_MEMORY" || speaks_of_memory(end.output)) {
    return {Next::again_more_memory, "it was killed for its memory"};
  }
  if (word == "TIMEOUT") return {Next::again_more_time, "it was ended at its limit of time"};
  if (word == "NODE_FAIL" || word == "BOOT_FAIL") return {Next::again, "its node failed"};
  if (word == "PREEMPTED") return {Next::again, "another job took its place"};
  if (word == "CANCELLED") return {Next::give_up, "it was cancelled"};
  if (word == "DEADLINE") return {Next::give_up, "Slurm says that it cannot end before its deadline"};
  if (code == kSignal + SIGKILL || (end.slurm && end.slurm->signal == SIGKILL)) {
    return {Next::again_more_memory, "it was killed (signal 9), as for its memory"};
  }
  if (code == kInterrupted) return {Next::give_up, "it was interrupted, or its tests could not be collected there"};
  if (code == kNotExecutable || code == kNotFound) {
    return {Next::give_up, "the program or its interpreter is not on that node"};
  }
  if (code && *code < kSignal) return {Next::give_up, fmt::format("fittest ended with exit code {}", *code)};
  if (code) return {Next::again, fmt::format("it ended by signal {}", *code - kSignal)};
  if (word.empty()) return {Next::again, "Slurm knows nothing of it any more, and it has left no exit code"};
  std::string why = fmt::format("Slurm says {}", word);
  if (!end.slurm->reason.empty()) why += " (" + end.slurm->reason + ")";
  return {Next::again, why};
}

}  // namespace

bool ran_to_its_end(const TaskEnd& end) {
  const std::optional<int> code = code_of(end);
  return code == kPassed || code == kFailures || code == kNoTests;
}

Decision decide(const TaskEnd& end, unsigned attempt, unsigned attempts) {
  Decision decision = without_attempts(end);
  if (decision.next == Next::done || decision.next == Next::give_up || attempt < attempts) return decision;
  decision.next = ran_to_its_end(end) ? Next::done : Next::give_up;
  if (attempts > 1) decision.why += fmt::format(", in the last of {} attempts", attempts);
  return decision;
}

bool is_over(std::string_view state) {
  constexpr std::array<std::string_view, 11> kGoingOn = {"PENDING",   "RUNNING",  "CONFIGURING", "COMPLETING",
                                                         "SUSPENDED", "STOPPED",  "RESIZING",    "SIGNALING",
                                                         "STAGE_OUT", "REQUEUED", "REQUEUE_HOLD"};
  return !state.empty() && std::find(kGoingOn.begin(), kGoingOn.end(), state) == kGoingOn.end();
}

}  // namespace fittest::exporting
