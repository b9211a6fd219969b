#include "export/slurm_need.h"

#include <algorithm>
#include <functional>

#include "plan/bound.h"

namespace fittest::exporting {
namespace {

constexpr Bytes kWorkerBase = MiB(12);  // what a worker holds before its first test
constexpr Bytes kSmallestBudget = MiB(128);
constexpr Bytes kFittest = MiB(64);   // the program, its guard, the shell of the script
constexpr double kMargin = 1.0 / 8;   // between two looks at what is held, it can grow
constexpr Seconds kUnmeasured = 600;  // start, collection, slower nodes
constexpr double kSlower = 3;
constexpr double kMore = 2;

Bytes hungriest(const std::vector<plan::Prediction>& tests, unsigned count) {
  std::vector<Bytes> peaks;
  for (const plan::Prediction& test : tests) peaks.push_back(test.peak);
  const auto end = peaks.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(count, peaks.size()));
  std::partial_sort(peaks.begin(), end, peaks.end(), std::greater<>());
  Bytes sum;
  for (auto peak = peaks.begin(); peak != end; ++peak) sum += *peak;
  return sum;
}

bool mostly_known(const std::vector<plan::Prediction>& tests) {
  const auto known = std::count_if(tests.begin(), tests.end(), [](const auto& test) { return test.known; });
  return 2 * static_cast<std::size_t>(known) >= tests.size();
}

// Both in proportion, so that `--mem` is not over `most`.
SlurmNeed at_most(SlurmNeed need, std::optional<Bytes> most) {
  if (!most || need.memory <= *most) return need;
  need.budget = need.budget.scaled(static_cast<double>(most->value) / static_cast<double>(need.memory.value));
  need.memory = *most;
  return need;
}

}  // namespace

SlurmNeed slurm_need(const std::vector<std::vector<plan::Prediction>>& groups, const NeedOptions& options) {
  SlurmNeed need{.budget = kSmallestBudget, .memory = {}, .time = kUnmeasured};
  for (const auto& tests : groups) {
    const Bytes workers = {kWorkerBase.value * options.workers};
    need.budget = std::max(need.budget, options.session + workers + hungriest(tests, options.workers));
  }
  if (options.budget) need.budget = *options.budget;
  need.memory = need.budget + need.budget.scaled(kMargin) + kFittest;
  if (options.shared_pages == NeedOptions::SharedPages::count_each) {
    need.memory += {options.session.value * options.workers};
  }
  need = at_most(need, options.most_memory);
  for (const auto& tests : groups) {
    if (!mostly_known(tests)) need.time = std::nullopt;
    if (need.time) {
      std::vector<plan::Measured> expected;
      for (const plan::Prediction& test : tests) expected.push_back({test.peak, test.duration});
      const Seconds wall = plan::lower_bound(expected, options.workers, need.budget).value();
      need.time = std::max(*need.time, kUnmeasured + kSlower * wall);
    }
  }
  if (options.time) need.time = options.time;
  return need;
}

SlurmNeed with_more_memory(const SlurmNeed& need, std::optional<Bytes> most) {
  return at_most({.budget = need.budget.scaled(kMore), .memory = need.memory.scaled(kMore), .time = need.time}, most);
}

SlurmNeed with_more_time(const SlurmNeed& need) {
  SlurmNeed more = need;
  if (more.time) *more.time *= kMore;
  return more;
}

}  // namespace fittest::exporting
