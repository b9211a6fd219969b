#include "select/split.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "plan/bound.h"
#include "select/algorithms.h"
#include "select/units.h"

namespace fittest::select {
namespace {

constexpr Bytes kNoLimit = {std::numeric_limits<std::uint64_t>::max() / 2};

Seconds sane(Seconds duration) {
  return std::isfinite(duration) && duration > 0 ? duration : 0;
}

class Machine {
 public:
  Machine(std::span<const Weight> weights, const SplitOptions& options)
      : weights_(weights), workers_(options.workers), budget_(options.budget > Bytes{} ? options.budget : kNoLimit) {}

  // What the machine takes for these tests at the least.
  template <typename Tests>
  plan::LowerBound bound(const Tests& tests) {
    measured_.clear();
    for (const TestIndex test : tests) measured_.push_back({weights_[test].peak, weights_[test].duration});
    return plan::lower_bound(measured_, workers_, budget_);
  }

 private:
  std::span<const Weight> weights_;
  unsigned workers_;
  Bytes budget_;
  std::vector<plan::Measured> measured_;  // kept for its memory
};

GroupForecast forecast(std::span<const TestIndex> tests, std::span<const Weight> weights, Machine& machine) {
  GroupForecast group;
  group.tests = static_cast<std::uint32_t>(tests.size());
  for (const TestIndex test : tests) {
    group.work += weights[test].duration;
    group.peak = std::max(group.peak, weights[test].peak);
  }
  group.wall = machine.bound(tests).value();
  return group;
}

// Of kn + 1 units, k + 1 meet in one of n groups; of the largest kn + 1 these are at least the k + 1 smallest.
Seconds crowded(std::vector<Seconds> works, std::size_t splits) {
  std::sort(works.begin(), works.end(), std::greater<>());
  std::vector<Seconds> sums(works.size() + 1);
  for (std::size_t i = 0; i < works.size(); ++i) sums[i + 1] = sums[i] + works[i];
  Seconds most = 0;
  for (std::size_t k = 1; k * splits < works.size(); ++k) {
    most = std::max(most, sums[k * splits + 1] - sums[k * (splits - 1)]);
  }
  return most;
}

Seconds lower_bound(const TestList& tests, const Gathered& units, std::span<const Weight> weights, Machine& machine,
                    const SplitOptions& options) {
  std::vector<TestIndex> all(tests.size());
  for (TestIndex test = 0; test < all.size(); ++test) all[test] = test;
  const plan::LowerBound together = machine.bound(all);
  Seconds bound = std::max({together.by_cores, together.by_memory, together.one_at_a_time}) / options.splits;
  std::vector<Seconds> works(units.size());
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    bound = std::max(bound, machine.bound(units.of(unit)).value());
    for (const TestIndex test : units.of(unit)) works[unit] += weights[test].duration;
  }
  return std::max(bound, crowded(std::move(works), options.splits) / options.workers);
}

}  // namespace

Split split(const TestList& tests, std::span<const Weight> weights, const SplitOptions& asked) {
  SplitOptions options = asked;
  options.splits = std::max(1U, options.splits);
  options.workers = std::max(1U, options.workers);
  std::vector<Weight> sane_weights(weights.begin(), weights.end());
  for (Weight& weight : sane_weights) weight.duration = sane(weight.duration);

  const Gathered units = units_of(tests, options.keep_whole);
  const SplitTask task{tests, sane_weights, units, options};
  Machine machine(sane_weights, options);
  Split result;
  result.lower_bound = lower_bound(tests, units, sane_weights, machine, options);
  if (options.algorithm == Algorithm::balanced) {
    result.group_of = balanced(task, result.lower_bound);
  } else {
    const std::vector<std::uint32_t> group_of_unit =
        options.algorithm == Algorithm::least_duration ? least_duration(task) : duration_based_chunks(task);
    result.group_of.resize(tests.size());
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      for (const TestIndex test : units.of(unit)) result.group_of[test] = group_of_unit[unit];
    }
  }
  const Gathered groups(result.group_of, options.splits);
  result.groups.reserve(options.splits);
  for (std::size_t group = 0; group < groups.size(); ++group) {
    result.groups.push_back(forecast(groups.of(group), sane_weights, machine));
  }
  return result;
}

}  // namespace fittest::select
