#include "select/expression.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "select/expression_match.h"
#include "select/expression_parser.h"

namespace fittest::select {
namespace {

// Nobody writes as many by hand, and the sorter's own stack holds a chain of them.
constexpr std::size_t kMostLabels = 1000;

// Visits labels depth first; those on the way to one that is asked for again make a cycle.
class Sorter {
 public:
  explicit Sorter(std::vector<MeasuredLabel> labels) : labels_(std::move(labels)), seen_(labels_.size(), Seen::no) {}

  Result<std::vector<MeasuredLabel>> sort() {
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      if (const auto done = visit(i); !done) return tl::unexpected(done.error());
    }
    std::vector<MeasuredLabel> sorted;
    for (const std::size_t i : order_) sorted.push_back(std::move(labels_[i]));
    return sorted;
  }

 private:
  enum class Seen { no, on_the_way, done };

  Result<void> visit(std::size_t label) {
    if (seen_[label] == Seen::done) return {};
    if (seen_[label] == Seen::on_the_way) return cycle(label);
    seen_[label] = Seen::on_the_way;
    way_.push_back(label);
    for (std::size_t other = 0; other < labels_.size(); ++other) {
      if (!labels_[label].meaning.asks_label(labels_[other].name)) continue;
      if (auto done = visit(other); !done) return done;
    }
    way_.pop_back();
    seen_[label] = Seen::done;
    order_.push_back(label);
    return {};
  }

  [[nodiscard]] Result<void> cycle(std::size_t label) const {
    std::vector<std::string> names;
    for (auto at = std::ranges::find(way_, label); at != way_.end(); ++at) names.push_back(labels_[*at].name);
    names.push_back(labels_[label].name);
    return failure(fmt::format("label '{}' is made of itself: {}", labels_[label].name, fmt::join(names, " -> ")),
                   labels_[label].meaning.where(), "let one of them say what it measures instead");
  }

  std::vector<MeasuredLabel> labels_;
  std::vector<Seen> seen_;
  std::vector<std::size_t> way_;
  std::vector<std::size_t> order_;
};

}  // namespace

Expression::Expression(ParsedExpression parsed)
    : parsed_(std::make_shared<const ParsedExpression>(std::move(parsed))) {}

Result<Expression> Expression::parse(std::string_view text, const std::string& where) {
  auto parsed = parse_expression(text, where);
  if (!parsed) return tl::unexpected(parsed.error());
  return Expression(std::move(*parsed));
}

std::vector<bool> Expression::match(const TestList& tests, std::span<const Facts> facts) const {
  return match_tests(*parsed_, tests, facts);
}

const std::vector<Expression::Label>& Expression::labels() const {
  return parsed_->labels;
}

bool Expression::asks_label(std::string_view label) const {
  return std::ranges::any_of(parsed_->label_patterns, [&](const Pattern& pattern) { return pattern.matches(label); });
}

const std::vector<Expression::Fact>& Expression::facts() const {
  return parsed_->facts;
}

bool Expression::asks_history() const {
  return parsed_->asks_history;
}
const std::string& Expression::text() const {
  return parsed_->text;
}
const std::string& Expression::where() const {
  return parsed_->where;
}

Result<std::vector<MeasuredLabel>> in_order(std::vector<MeasuredLabel> labels) {
  if (labels.size() > kMostLabels) {
    return failure(fmt::format("more than {} measured labels", kMostLabels), labels.front().meaning.where(),
                   "take out those that nothing asks for");
  }
  return Sorter(std::move(labels)).sort();
}

}  // namespace fittest::select
