#pragma once
#include <array>
#include <optional>
#include <string_view>

namespace fittest {

// How a test ended. Every selected test gets exactly one. The names are printed and stored as spelled here.
enum class Verdict {
  passed,
  failed,
  error,  // set-up or teardown failed, not the test's body
  skipped,
  xfailed,
  xpassed,
  timed_out,
  crashed,      // its process ended under it, for a reason that was not memory
  over_limit,   // broke a limit set on the test itself
  over_budget,  // alone on the machine it did not fit the whole budget
  not_run,      // only after an interrupt or --maxfail
};

inline constexpr std::array<std::string_view, 11> kVerdictNames = {"passed",     "failed",      "error",     "skipped",
                                                                   "xfailed",    "xpassed",     "timed_out", "crashed",
                                                                   "over_limit", "over_budget", "not_run"};
inline constexpr std::size_t kVerdictCount = kVerdictNames.size();

constexpr std::string_view name(Verdict v) {
  return kVerdictNames[static_cast<std::size_t>(v)];
}
std::optional<Verdict> verdict_from(std::string_view name);

// True for a verdict that makes the run fail (pytest: exit code 1).
constexpr bool is_failure(Verdict v) {
  return v == Verdict::failed || v == Verdict::error || v == Verdict::timed_out || v == Verdict::crashed ||
         v == Verdict::over_limit || v == Verdict::over_budget;
}

}  // namespace fittest
