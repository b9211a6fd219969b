#pragma once
// The language of -E, of chunks and of measured labels: which tests are meant. Pure. docs/expressions.md is its
// description for users.
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/facts.h"
#include "core/test_list.h"

namespace fittest::select {

struct ParsedExpression;

// An expression that was understood.
class Expression {
 public:
  // `where` is for messages: "-E", "fittest.toml:12". Errors show the text with a mark below the column, and say what
  // was expected there.
  static Result<Expression> parse(std::string_view text, const std::string& where);

  // For each test whether it is meant. `facts`: one for each test, in its order.
  [[nodiscard]] std::vector<bool> match(const TestList& tests, std::span<const Facts> facts) const;

  struct Label {
    std::string name;    // or a pattern
    std::size_t column;  // in the text, from 1
    bool is_pattern;
  };
  // The labels it names, for a check against those that there are.
  [[nodiscard]] const std::vector<Label>& labels() const;
  // True where one of them, or a pattern among them, is this label.
  [[nodiscard]] bool asks_label(std::string_view label) const;
  // What it compares, in the order of the text, each once.
  enum class Fact { peak, heap_peak, retained, duration, runs, verdict };
  [[nodiscard]] const std::vector<Fact>& facts() const;
  // True where the answer depends on earlier runs (peak, duration, failed(last), unknown()).
  [[nodiscard]] bool asks_history() const;
  [[nodiscard]] const std::string& text() const;
  [[nodiscard]] const std::string& where() const;

 private:
  explicit Expression(ParsedExpression parsed);
  std::shared_ptr<const ParsedExpression> parsed_;
};

// A label that is measured, not written by hand: `[labels] memory_intensive = "peak > 100MB"`.
struct MeasuredLabel {
  std::string name;
  Expression meaning;
};

// Puts labels that others are made of in front of them. Errors: a label that is made of itself (the cycle is named).
Result<std::vector<MeasuredLabel>> in_order(std::vector<MeasuredLabel> labels);

}  // namespace fittest::select
