#pragma once
// The runs of several machines as one: each test's one verdict, and what is missing. Pure. docs/merge.md has the rules
// for users.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/verdict.h"
#include "merge/run.h"
#include "report/event.h"
#include "select/split_plan.h"

namespace fittest::merge {

// A suite in a variant: its tests must be complete by themselves.
struct Part {
  std::string suite;
  std::string variant;
  friend auto operator<=>(const Part&, const Part&) = default;
};

struct MergedTest {
  enum class State : std::uint8_t {
    settled,
    not_run,  // runs tell of it, and ended before it had a verdict
    missing   // it should be there, and no run tells of it
  };
  std::string_view id;
  std::uint32_t part = 0;
  State state = State::missing;
  bool mended = false;    // failed in an earlier attempt, and not in the last
  std::uint32_t run = 0;  // whose verdict counts; of a settled one
  const report::TestFinished* finished = nullptr;
};

// A run as it was, whatever counts of it.
struct RunCounts {
  std::uint32_t passed = 0;
  std::uint32_t failed = 0;
  std::uint32_t other = 0;
  std::uint32_t without_verdict = 0;
  [[nodiscard]] std::uint32_t tests() const { return passed + failed + other + without_verdict; }
};
RunCounts counts_of(const Run& run);

// Points into itself: it can be moved, not copied.
struct Merged {
  Merged() = default;
  Merged(Merged&&) = default;
  Merged& operator=(Merged&&) = default;

  std::vector<Run> runs;                  // in the order they started
  std::optional<select::SplitPlan> plan;  // the one given
  std::vector<Part> parts;
  std::vector<MergedTest> tests;      // every test once, by part; in it in the order of the selections
  std::vector<unsigned> attempts;     // for each run: the how manyeth at its job, from 1
  std::vector<bool> superseded;       // for each run: a later attempt at its job has finished
  std::vector<std::string> problems;  // beside tests: each makes the whole fail
  std::vector<std::string> notices;   // worth reading

  [[nodiscard]] std::size_t count(Verdict verdict) const { return verdicts[static_cast<std::size_t>(verdict)]; }
  [[nodiscard]] std::size_t failures() const;
  // 0, 1, or 5 where there is no test at all.
  [[nodiscard]] int exit_code() const;

  std::array<std::size_t, kVerdictCount> verdicts{};  // of settled tests; of not_run those that are
  std::size_t missing = 0;
  std::size_t mended = 0;
};

// The rule: of several attempts at a job the last one that has a verdict of the test counts; of several jobs that ran
// it any failure counts before anything else, then passed, xpassed, xfailed, skipped. Every test that a run's selection
// or the plan names must have a verdict in each variant. `problems` and `notices` are taken over.
struct MergeInput {
  std::vector<Run> runs;
  std::optional<select::SplitPlan> plan = {};
  std::vector<std::string> problems = {};
  std::vector<std::string> notices = {};
};
Merged merge(MergeInput input);

}  // namespace fittest::merge
