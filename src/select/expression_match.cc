#include "select/expression_match.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

namespace fittest::select {
namespace {

template <typename Figure>
bool holds(Relation relation, const Figure& left, const Figure& right) {
  switch (relation) {
    case Relation::greater:
      return left > right;
    case Relation::at_least:
      return left >= right;
    case Relation::less:
      return left < right;
    case Relation::at_most:
      return left <= right;
    case Relation::equal:
      return left == right;
    case Relation::unequal:
      return left != right;
  }
  return false;
}

bool is_class(const Pattern& pattern, std::string_view class_name) {
  if (class_name.empty()) return false;
  if (pattern.matches(class_name)) return true;
  const std::size_t last = class_name.rfind("::");
  return last != std::string_view::npos && pattern.matches(class_name.substr(last + 2));
}

bool is_name(const Pattern& pattern, const IdParts& parts) {
  if (pattern.matches(parts.name)) return true;
  return parts.function.size() != parts.name.size() && pattern.matches(parts.function);
}

// Decides a test at a time; what can be decided once for many, the labels, is decided before.
class Matcher {
 public:
  Matcher(const ParsedExpression& expression, const TestList& tests, std::span<const Facts> facts)
      : expression_(expression), tests_(tests), facts_(facts), before_(expression.part_matches) {
    for (const Pattern& pattern : expression.label_patterns) {
      auto& has_label = has_label_.emplace_back();
      has_label.reserve(tests.label_sets().size());
      for (const auto& labels : tests.label_sets()) {
        has_label.push_back(std::ranges::any_of(labels, [&](const auto& label) { return pattern.matches(label); }));
      }
    }
  }

  bool is_meant(TestIndex test) {
    test_ = test;
    parts_.reset();
    return decide(expression_.root);
  }

 private:
  bool decide(const Node& node) {
    return std::visit([this](const auto& what) { return holds_for_test(what); }, node.what);
  }

  [[nodiscard]] const Facts& facts() const { return facts_[test_]; }
  const IdParts& parts() {
    if (!parts_) parts_ = parts_of(tests_.id(test_));
    return *parts_;
  }

  bool holds_for_test(const AllOf& all) {
    return std::ranges::all_of(all.nodes, [this](const Node& node) { return decide(node); });
  }
  bool holds_for_test(const AnyOf& any) {
    return std::ranges::any_of(any.nodes, [this](const Node& node) { return decide(node); });
  }
  bool holds_for_test(const Not& turned) { return !decide(turned.node.front()); }

  bool holds_for_test(const HasLabel& label) { return has_label_[label.number][tests_.traits(test_).labels]; }
  bool holds_for_test(const PartMatches& matches) {
    const Pattern& pattern = matches.pattern;
    switch (matches.part) {
      case Part::name:
        return is_name(pattern, parts());
      case Part::file:
        return as_before(matches, parts().file, [&](auto file) { return !file.empty() && pattern.matches(file); });
      case Part::class_:
        return as_before(matches, parts().class_name, [&](auto name) { return is_class(pattern, name); });
      case Part::id:
        return pattern.matches(tests_.id(test_));
    }
    return false;
  }

  // Tests of one file or class stand together: what was decided for the one before holds for the next.
  template <typename Decide>
  bool as_before(const PartMatches& matches, std::string_view text, Decide decide) {
    auto& [before, answer] = before_[matches.number];
    if (before != text) {
      before = text;
      answer = decide(text);
    }
    return answer;
  }

  bool holds_for_test(UnknownTests) { return !facts().known; }
  bool holds_for_test(FailedTests) { return facts().known && is_failure(facts().last); }
  bool holds_for_test(WithVerdict with) { return facts().known && facts().last == with.verdict; }
  bool holds_for_test(PeakIs peak) { return facts().known && holds(peak.relation, facts().peak, peak.than); }
  bool holds_for_test(HeapPeakIs heap_peak) {
    return facts().heap_peak && holds(heap_peak.relation, *facts().heap_peak, heap_peak.than);
  }
  bool holds_for_test(RetainedIs retained) {
    return facts().known && holds(retained.relation, facts().retained, retained.than);
  }
  bool holds_for_test(DurationIs duration) {
    return facts().known && holds(duration.relation, facts().duration, duration.than);
  }
  bool holds_for_test(RunsAre runs) { return holds(runs.relation, facts().runs, runs.than); }

  const ParsedExpression& expression_;
  const TestList& tests_;
  std::span<const Facts> facts_;
  std::vector<std::vector<bool>> has_label_;               // for each label that is named, for each set of labels
  std::vector<std::pair<std::string_view, bool>> before_;  // for each PartMatches; an empty text matches nothing
  TestIndex test_ = 0;
  std::optional<IdParts> parts_;  // of `test_`, once asked for
};

}  // namespace

std::vector<bool> match_tests(const ParsedExpression& expression, const TestList& tests, std::span<const Facts> facts) {
  if (facts.size() != tests.size()) throw std::invalid_argument("match: facts of other tests");
  Matcher matcher(expression, tests, facts);
  std::vector<bool> meant(tests.size());
  for (TestIndex test = 0; test < tests.size(); ++test) meant[test] = matcher.is_meant(test);
  return meant;
}

}  // namespace fittest::select
