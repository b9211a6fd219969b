#include "select/weights.h"

#include <algorithm>
#include <optional>

#include "select/python_sum.h"

namespace fittest::select {
namespace {

// pytest-split's _get_items_with_durations.
Weights by_durations(const TestList& tests, const KnownDurations& known, Summation summation) {
  Weights weights;
  std::vector<std::optional<Seconds>> found(tests.size());
  PythonSum sum(summation);
  std::size_t count = 0;
  for (TestIndex test = 0; test < tests.size(); ++test) {
    const auto entry = known.seconds.find(tests.id(test));
    if (entry == known.seconds.end()) continue;
    found[test] = entry->second;
    sum.add(entry->second);
    ++count;
  }
  if (count > 0) weights.source = Weights::Source::durations_file;
  const Seconds mean = count > 0 ? sum.value() / static_cast<double>(count) : 1;
  weights.of.reserve(tests.size());
  for (const std::optional<Seconds>& duration : found) weights.of.push_back({duration.value_or(mean), {}});
  return weights;
}

Weights by_predictions(std::span<const Facts> facts, std::span<const plan::Prediction> predictions) {
  Weights weights;
  weights.of.resize(facts.size());
  for (std::size_t test = 0; test < facts.size(); ++test) {
    if (facts[test].known) weights.source = Weights::Source::history;
    if (facts[test].known && facts[test].last == Verdict::skipped) continue;
    weights.of[test] = {predictions[test].duration, predictions[test].peak};
  }
  return weights;
}

}  // namespace

Weights weights(const TestList& tests, std::span<const Facts> facts, std::span<const plan::Prediction> predictions,
                const KnownDurations& durations, const SplitOptions& options) {
  const bool balanced = options.algorithm == Algorithm::balanced;
  if (balanced && durations.source == KnownDurations::Source::found) {
    Weights by_history = by_predictions(facts, predictions);
    if (by_history.source == Weights::Source::history || durations.seconds.empty()) return by_history;
    Weights by_file = by_durations(tests, durations, options.summation);
    return by_file.source == Weights::Source::durations_file ? by_file : by_history;
  }
  Weights by_file = by_durations(tests, durations, options.summation);
  if (balanced) return by_file;
  for (TestIndex test = 0; test < tests.size(); ++test) {
    if (facts[test].known) by_file.of[test].peak = predictions[test].peak;
  }
  return by_file;
}

}  // namespace fittest::select
