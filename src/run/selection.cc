#include "run/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/nearest.h"
#include "history/durations_file.h"
#include "history/increase.h"
#include "run/split_round.h"
#include "select/fingerprint.h"
#include "select/measured_labels.h"
#include "select/weights.h"

namespace fittest::run {
namespace {

constexpr const char* kDurations = ".test_durations";

TestList keep(const TestList& tests, const std::vector<bool>& wanted) {
  TestList kept;
  for (TestIndex test = 0; test < tests.size(); ++test) {
    if (!wanted[test]) continue;
    TestList::Traits traits = tests.traits(test);
    traits.labels = kept.add_labels(tests.labels(test));
    kept.add(tests.id(test), traits);
  }
  return kept;
}

}  // namespace

std::string describe_weights(const PlannedSplit& planned) {
  switch (planned.weighed_by) {
    case select::Weights::Source::history:
      return "by the history";
    case select::Weights::Source::durations_file:
      return "by " + planned.durations;
    case select::Weights::Source::nothing:
      break;
  }
  return "nothing is known of these tests";
}

std::vector<suite::LabelledTests> Selection::measure_labels(const TestList& found) {
  const auto tests = select::measure(options_.labels, found, history_.facts(suite_, found).facts);
  std::vector<suite::LabelledTests> labelled;
  for (std::size_t i = 0; i < tests.size(); ++i) labelled.push_back({options_.labels[i].name, tests[i]});
  return labelled;
}

std::vector<suite::HeapPlan::Limit> Selection::limits(const TestList& tests) {
  std::vector<suite::HeapPlan::Limit> limits;
  if (options_.limits.empty()) return limits;
  const std::vector<Facts> facts = history_.facts(suite_, tests).facts;
  for (const select::Limit& limit : options_.limits) {
    suite::HeapPlan::Limit found{limit.memory, limit.leaks, limit.where, {}};
    const std::vector<bool> meant =
        limit.tests ? limit.tests->match(tests, facts) : std::vector<bool>(tests.size(), true);
    for (TestIndex test = 0; test < tests.size(); ++test) {
      if (meant[test]) found.tests.push_back(test);
    }
    limits.push_back(std::move(found));
  }
  return limits;
}

std::vector<suite::HeapPlan::Earlier> Selection::earlier(const TestList& tests,
                                                         const std::vector<TestIndex>& compared) {
  std::vector<std::string_view> ids;
  for (const TestIndex test : compared) ids.push_back(tests.id(test));
  auto peaks = history_.body_peaks(suite_, ids);
  std::vector<suite::HeapPlan::Earlier> earlier;
  for (std::size_t i = 0; i < compared.size(); ++i) {
    if (peaks[i].empty()) continue;
    const Bytes allowed = history::allowed_peak(peaks[i]);
    earlier.push_back({compared[i], std::move(peaks[i]), allowed});
  }
  return earlier;
}

Result<void> Selection::check_labels(const TestList& candidates, const select::Request& request) {
  for (const select::Expression::Label& label : options_.expression->labels()) {
    if (label.is_pattern) continue;
    const auto is_known = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), label.name) != names.end();
    };
    if (is_known(request.known_labels)) continue;
    const auto& sets = candidates.label_sets();
    const bool is_used = std::any_of(sets.begin(), sets.end(), is_known);
    if (request.strict_labels) {
      const std::vector<std::string_view> known(request.known_labels.begin(), request.known_labels.end());
      const auto near = nearest(label.name, known);
      return failure(fmt::format("no label is called '{}', and markers are strict", label.name),
                     fmt::format("{}, column {}", options_.expression->where(), label.column),
                     near ? fmt::format("did you mean '{}'?", *near) : "pytest --markers lists those there are");
    }
    if (!is_used) {
      notices_.push_back(fmt::format("{}: no test here has the label '{}'", options_.expression->where(), label.name));
    }
  }
  return {};
}

Result<std::vector<std::uint32_t>> Selection::groups(const TestList& tests, const select::Request& request,
                                                     const history::Store::FactsOf& known) {
  if (options_.plan) {
    const select::SplitPlan& plan = *options_.plan;
    const auto groups = static_cast<unsigned>(plan.groups.size());
    if (request.splits && *request.splits != groups) {
      return failure(fmt::format("--splits {}, but the plan has {} groups", *request.splits, groups),
                     options_.plan_file, "leave out --splits");
    }
    if (request.group > groups) {
      return failure(fmt::format("--group {}, but the plan has {} groups", request.group, groups), options_.plan_file,
                     fmt::format("name one from 1 to {}", groups));
    }
    return select::groups_by_plan(plan, tests);
  }
  select::SplitOptions options;
  options.splits = *request.splits;
  options.algorithm = request.algorithm;
  options.keep_whole = request.keep_whole;
  options.budget = options_.budget.value_or(Bytes{});
  options.workers = request.workers.value_or(1);
  options.summation = request.summation;
  const bool in_rounds = options.algorithm == select::Algorithm::balanced && options.splits > 1 && !request.durations &&
                         !options_.state_folder.empty();
  const SplitRound round(options_.state_folder, suite_, tests, options);
  if (const auto plan = in_rounds ? round.plan_for(request.group) : std::nullopt) {
    round.go_on(request.group);
    weighed_by_ = "as for the groups before";
    return select::groups_by_plan(*plan, tests);
  }
  auto durations = history::read_durations(request.durations.value_or(kDurations));
  if (!durations) return tl::unexpected(durations.error());
  std::vector<std::string> ids;
  for (TestIndex test = 0; test < tests.size(); ++test) ids.emplace_back(tests.id(test));
  const auto source = request.durations ? select::KnownDurations::Source::asked : select::KnownDurations::Source::found;
  const select::Weights weights =
      select::weights(tests, known.facts, history_.predict(suite_, ids), {std::move(*durations), source}, options);
  planned_ = {options, select::split(tests, weights.of, options), weights.source,
              request.durations.value_or(kDurations)};
  weighed_by_ = describe_weights(*planned_);
  if (in_rounds) round.begin(request.group, select::make_plan(suite_, tests, planned_->split, options));
  return planned_->split.group_of;
}

Result<std::vector<TestIndex>> Selection::select(const TestList& candidates, const select::Request& request) {
  const history::Store::FactsOf known = history_.facts(suite_, candidates);
  std::vector<bool> wanted(candidates.size(), true);
  if (options_.expression) {
    if (const auto checked = check_labels(candidates, request); !checked) return tl::unexpected(checked.error());
    if (options_.expression->asks_history() && known.nothing_in_common()) {
      notices_.push_back(fmt::format("{}: the history knows {} tests, but none of these; is it another project's?",
                                     options_.expression->where(), known.others));
    }
    wanted = options_.expression->match(candidates, known.facts);
  }
  std::vector<TestIndex> places;  // of the wanted ones among the candidates
  for (TestIndex test = 0; test < wanted.size(); ++test) {
    if (wanted[test]) places.push_back(test);
  }
  const TestList tests = keep(candidates, wanted);
  const auto narrow = [&](const std::vector<Facts>& all) {
    std::vector<Facts> facts;
    for (const TestIndex place : places) facts.push_back(all[place]);
    return facts;
  };
  const history::Store::FactsOf facts{narrow(known.facts), known.others};

  std::vector<TestIndex> chosen(tests.size());
  std::iota(chosen.begin(), chosen.end(), TestIndex{0});
  file_.emplace();
  if (request.splits || options_.plan) {
    const auto group_of = groups(tests, request, facts);
    if (!group_of) return tl::unexpected(group_of.error());
    if (options_.groups == SelectionOptions::Groups::all) return places;
    std::erase_if(chosen, [&](TestIndex test) { return (*group_of)[test] != request.group - 1; });
    const auto splits = options_.plan ? static_cast<unsigned>(options_.plan->groups.size()) : *request.splits;
    const auto algorithm = options_.plan ? options_.plan->options.algorithm : request.algorithm;
    file_->split = {splits, request.group, std::string(name(algorithm)), select::fingerprint(tests, *group_of)};
    notices_.push_back(
        fmt::format("group {} of {} ({}): {} of {} tests; split {}", request.group, splits,
                    options_.plan ? options_.plan_file : fmt::format("{}, {}", name(algorithm), weighed_by_),
                    chosen.size(), tests.size(), file_->split->fingerprint));
  }
  file_->selected = chosen;
  for (TestIndex test = 0; test < tests.size(); ++test) file_->candidates.emplace_back(tests.id(test));
  if (request.order) {
    std::vector<TestIndex> ordered = select::order(tests, facts.facts, *request.order);
    std::vector<bool> is_chosen(tests.size(), false);
    for (const TestIndex test : chosen) is_chosen[test] = true;
    std::erase_if(ordered, [&](TestIndex test) { return !is_chosen[test]; });
    chosen = std::move(ordered);
  }
  for (TestIndex& test : chosen) test = places[test];
  return chosen;
}

report::SelectionFile Selection::file(const TestList& tests) const {
  report::SelectionFile file;
  if (file_) {
    file = *file_;
  } else {
    for (TestIndex test = 0; test < tests.size(); ++test) {
      file.candidates.emplace_back(tests.id(test));
      file.selected.push_back(test);
    }
  }
  file.suite = suite_;
  file.variant = options_.variant;
  file.chunk = options_.chunk;
  return file;
}

}  // namespace fittest::run
