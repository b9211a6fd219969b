// The algorithms of pytest-split 0.11 (pytest_split/algorithms.py), with the same sums in the same order: equal figures
// and rounding decide which group a test is in.
#include <algorithm>
#include <functional>
#include <queue>
#include <string>
#include <tuple>
#include <utility>

#include "select/algorithms.h"
#include "select/python_sum.h"

namespace fittest::select {
namespace {

Seconds duration_of(const SplitTask& task, std::size_t unit) {
  Seconds sum = 0;
  for (const TestIndex test : task.units.of(unit)) sum += task.weights[test].duration;
  return sum;
}

// pytest's `str(item)`, by which pytest-split puts equal tests into order, as far as the id says it: a name with a dot
// is one of a doctest. The items of unittest, `<TestCaseFunction name>`, cannot be told from functions.
std::string item_text(std::string_view id) {
  const IdParts parts = parts_of(id);
  const bool is_doctest = parts.function.find('.') != std::string_view::npos;
  return (is_doctest ? "<DoctestItem " : "<Function ") + std::string(parts.name) + ">";
}

}  // namespace

std::vector<std::uint32_t> duration_based_chunks(const SplitTask& task) {
  const std::size_t count = task.units.size();
  const std::uint32_t last = task.options.splits - 1;
  std::vector<Seconds> durations(count);
  PythonSum total(task.options.summation);
  for (std::size_t unit = 0; unit < count; ++unit) total.add(durations[unit] = duration_of(task, unit));
  if (total.value() == 0 && count > last) {
    // Here pytest-split ends with an IndexError. Evenly, as if nothing were known.
    std::fill(durations.begin(), durations.end(), 1.0);
    total = PythonSum(task.options.summation);
    total.add(static_cast<double>(count));
  }
  const Seconds share = total.value() / task.options.splits;
  std::vector<std::uint32_t> group_of(count);
  std::uint32_t group = 0;
  Seconds sum = 0;
  for (std::size_t unit = 0; unit < count; ++unit) {
    // What comes when the last group has its share (tests of no duration) stays there, where pytest-split would end
    // with an IndexError.
    if (sum >= share && group < last) {
      ++group;
      sum = 0;
    }
    group_of[unit] = group;
    sum += durations[unit];
  }
  return group_of;
}

std::vector<std::uint32_t> least_duration(const SplitTask& task) {
  struct Candidate {
    Seconds duration;
    std::string text;
    std::uint32_t unit;
  };
  std::vector<Candidate> candidates(task.units.size());
  for (std::uint32_t unit = 0; unit < candidates.size(); ++unit) {
    candidates[unit] = {duration_of(task, unit), item_text(task.tests.id(task.units.of(unit).front())), unit};
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.duration != b.duration) return a.duration > b.duration;
    return std::tie(a.text, a.unit) < std::tie(b.text, b.unit);
  });
  using Group = std::pair<Seconds, std::uint32_t>;
  std::priority_queue<Group, std::vector<Group>, std::greater<>> groups;
  for (std::uint32_t group = 0; group < task.options.splits; ++group) groups.push({0, group});
  std::vector<std::uint32_t> group_of(candidates.size());
  for (const Candidate& each : candidates) {
    const auto [sum, group] = groups.top();
    groups.pop();
    group_of[each.unit] = group;
    groups.push({sum + each.duration, group});
  }
  return group_of;
}

}  // namespace fittest::select
