#include "select/expression_parser.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "core/nearest.h"
#include "select/expression_lexer.h"
#include "select/figure.h"

namespace fittest::select {
namespace {

using Kind = Token::Kind;

// Nobody writes as many by hand, and the parser's own stack holds them all.
constexpr int kMostParentheses = 200;

constexpr int kCostOfFact = 1;
constexpr int kCostOfGlob = 10;
constexpr int kCostOfRegex = 40;

constexpr std::array<std::string_view, 5> kFacts = {"peak", "heap_peak", "retained", "duration", "runs"};
constexpr std::array<std::string_view, 10> kFunctions = {"label",  "name",    "file",    "class", "id",
                                                         "failed", "verdict", "unknown", "all",   "none"};
constexpr std::array<std::pair<std::string_view, Part>, 4> kParts = {
    {{"name", Part::name}, {"file", Part::file}, {"class", Part::class_}, {"id", Part::id}}};
constexpr std::array<std::pair<std::string_view, Relation>, 6> kRelations = {{{">", Relation::greater},
                                                                              {">=", Relation::at_least},
                                                                              {"<", Relation::less},
                                                                              {"<=", Relation::at_most},
                                                                              {"==", Relation::equal},
                                                                              {"!=", Relation::unequal}}};
// What other languages write.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kForeign = {{{"=", "=="},
                                                                                     {"===", "=="},
                                                                                     {"=>", ">="},
                                                                                     {"=<", "<="},
                                                                                     {"<>", "!="},
                                                                                     {"&", "and"},
                                                                                     {"&&", "and"},
                                                                                     {"|", "or"},
                                                                                     {"||", "or"},
                                                                                     {"!", "not"},
                                                                                     {"~", "not"}}};

template <typename Pairs>
auto find_word(const Pairs& pairs, std::string_view word) {
  std::optional<typename Pairs::value_type::second_type> found;
  for (const auto& [name, value] : pairs) {
    if (name == word) found = value;
  }
  return found;
}

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

bool is_keyword(std::string_view word) {
  return word == "and" || word == "or" || word == "not";
}

// "did you mean ...?", or else what there is.
std::string suggest(std::string_view written, std::span<const std::string_view> known, std::string_view what_they_are) {
  if (const auto meant = nearest(written, known)) return fmt::format("did you mean '{}'?", *meant);
  return fmt::format("{} {}", what_they_are, fmt::join(known, ", "));
}

// Paths are compared as the framework writes them in its ids.
std::string_view plain_path(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

Pattern glob_for(Part part, std::string_view glob) {
  switch (part) {
    case Part::file:
      return Pattern::glob(plain_path(glob), {"/*"});
    case Part::id:
      return Pattern::glob(plain_path(glob), {"/*", "::*", "[*"});
    default:
      return Pattern::glob(glob);
  }
}

template <typename What>
Node all_together(std::vector<Node> nodes) {
  if (nodes.size() == 1) return std::move(nodes.front());
  std::ranges::stable_sort(nodes, {}, &Node::cost);
  int cost = 0;
  for (const Node& node : nodes) cost = std::max(cost, node.cost);
  return {What{std::move(nodes)}, cost + 1};
}

// The grammar, a function each; every one begins at `token_` and leaves it behind what it read.
//   either   = both {"or" both}
//   both     = negated {"and" negated}
//   negated  = {"not"} term
//   term     = "(" either ")" | FUNCTION "(" [argument] ")" | FACT relation figure | label
class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : lexer_(text, where) {
    parsed_.text = text;
    parsed_.where = where;
  }

  Result<ParsedExpression> parse() {
    advance();
    auto root = either();
    if (!root) return tl::unexpected(root.error());
    if (token_.kind != Kind::end) return expected_after_term();
    parsed_.root = std::move(*root);
    put_columns();
    return std::move(parsed_);
  }

 private:
  // Labels come with their places in bytes, in the order of the text.
  void put_columns() {
    std::size_t counted = 0;
    std::size_t column = 1;
    for (Expression::Label& label : parsed_.labels) {
      column += count_characters(std::string_view(parsed_.text).substr(counted, label.column - counted));
      counted = label.column;
      label.column = column;
    }
  }

  void advance() { token_ = lexer_.next(); }
  [[nodiscard]] bool is_word(std::string_view word) const { return token_.kind == Kind::word && token_.text == word; }

  [[nodiscard]] tl::unexpected<Error> expected(std::string_view what, const Token& found,
                                               std::string_view remedy = {}) const {
    return lexer_.error(found.at, fmt::format("expected {}, found {}", what, describe(found)), remedy);
  }

  [[nodiscard]] tl::unexpected<Error> expected_after_term() const {
    std::string remedy;
    if (const auto meant = find_word(kForeign, token_.text)) {
      remedy = fmt::format("did you mean '{}'?", *meant);
    } else if (token_.kind == Kind::word) {
      constexpr std::array<std::string_view, 2> kBetween = {"and", "or"};
      if (const auto near = nearest(token_.text, kBetween)) remedy = fmt::format("did you mean '{}'?", *near);
    }
    return expected(parentheses_ > 0 ? "'and', 'or' or ')'" : "'and', 'or' or the end", token_, remedy);
  }

  [[nodiscard]] tl::unexpected<Error> expected_term() const {
    std::string remedy;
    if (const auto meant = find_word(kForeign, token_.text)) {
      remedy = fmt::format("did you mean '{}'?", *meant);
    } else if (parsed_.text.find_first_not_of(" \t\r\n\f\v") == std::string::npos) {
      remedy = "write all() for every test";
    } else if (token_.kind == Kind::word && token_.text.starts_with('/')) {
      remedy = "a regular expression stands in a function: name(/.../), id(/.../), label(/.../)";
    } else if (token_.text == "\"" || token_.text == "'") {
      remedy = "quotes stand in a function: label(\"...\")";
    }
    return expected("a label, a function, a comparison or '('", token_, remedy);
  }

  Result<Node> either() {
    std::vector<Node> nodes;
    while (true) {
      auto node = both();
      if (!node) return node;
      nodes.push_back(std::move(*node));
      if (!is_word("or")) return all_together<AnyOf>(std::move(nodes));
      advance();
    }
  }

  Result<Node> both() {
    std::vector<Node> nodes;
    while (true) {
      auto node = negated();
      if (!node) return node;
      nodes.push_back(std::move(*node));
      if (!is_word("and")) return all_together<AllOf>(std::move(nodes));
      advance();
    }
  }

  Result<Node> negated() {
    bool is_turned = false;
    for (; is_word("not"); advance()) is_turned = !is_turned;
    auto node = term();
    if (!node || !is_turned) return node;
    const int cost = node->cost;
    Not turned;
    turned.node.push_back(std::move(*node));
    return Node{std::move(turned), cost};
  }

  Result<Node> term() {
    if (token_.kind == Kind::open) return in_parentheses();
    if (token_.kind != Kind::word || is_keyword(token_.text) || token_.text.starts_with('/')) return expected_term();
    const Token word = token_;
    advance();
    if (token_.kind == Kind::open) return function(word);
    if (token_.kind == Kind::relation && (find_word(kRelations, token_.text) || is_one_of(word.text, kFacts))) {
      return comparison(word);
    }
    return label(word.at, std::string(word.text), Pattern::glob(word.text, {}));
  }

  Result<Node> in_parentheses() {
    if (parentheses_ == kMostParentheses) {
      return lexer_.error(token_.at, fmt::format("more than {} parentheses stand in each other", kMostParentheses),
                          "take out those that change nothing");
    }
    ++parentheses_;
    advance();
    auto node = either();
    if (!node) return node;
    if (token_.kind != Kind::close) return expected_after_term();
    --parentheses_;
    advance();
    return node;
  }

  Node label(std::size_t at, std::string name, Pattern pattern) {
    parsed_.labels.push_back({std::move(name), at, pattern.is_open()});
    parsed_.label_patterns.push_back(std::move(pattern));
    return {HasLabel{parsed_.labels.size() - 1}, kCostOfFact};
  }

  // `token_` is the relation behind the word.
  Result<Node> comparison(const Token& fact) {
    if (!is_one_of(fact.text, kFacts)) {
      return expected("a fact before the comparison", fact,
                      is_bare_number(fact.text.substr(0, 1)) ? "write the fact first: peak > 100MB"
                                                             : suggest(fact.text, kFacts, "the facts are"));
    }
    const auto relation = find_word(kRelations, token_.text);
    if (!relation) {
      const auto meant = find_word(kForeign, token_.text);
      return expected("a comparison", token_,
                      meant ? fmt::format("did you mean '{}'?", *meant) : "the comparisons are > >= < <= == !=");
    }
    const Token relation_token = token_;
    advance();
    if (token_.kind != Kind::word || is_keyword(token_.text)) {
      return expected(fmt::format("a figure behind '{}'", relation_token.text), token_,
                      fmt::format("for example {} {} {}", fact.text, relation_token.text,
                                  fact.text == "runs"       ? "3"
                                  : fact.text == "duration" ? "2s"
                                                            : "100MB"));
    }
    const std::size_t at = token_.at;
    const std::string figure = read_figure();
    if (fact.text == "duration") {
      asks(Expression::Fact::duration);
      return compare<DurationIs>(*relation, parse_duration(figure), at);
    }
    if (fact.text == "runs") {
      asks(Expression::Fact::runs);
      return compare<RunsAre>(*relation, parse_count(figure), at);
    }
    if (fact.text == "peak") {
      asks(Expression::Fact::peak);
      return compare<PeakIs>(*relation, parse_size(figure), at);
    }
    if (fact.text == "heap_peak") {
      asks(Expression::Fact::heap_peak);
      return compare<HeapPeakIs>(*relation, parse_size(figure), at);
    }
    asks(Expression::Fact::retained);
    return compare<RetainedIs>(*relation, parse_size(figure), at);
  }

  void asks(Expression::Fact fact) {
    parsed_.asks_history = true;
    if (std::ranges::find(parsed_.facts, fact) == parsed_.facts.end()) parsed_.facts.push_back(fact);
  }

  // A number and its unit may stand apart: "100 MB".
  std::string read_figure() {
    std::string figure(token_.text);
    advance();
    const bool is_unit = token_.kind == Kind::word && (parse_bytes("1" + std::string(token_.text)).has_value() ||
                                                       parse_duration("1" + std::string(token_.text)).has_value());
    if (is_bare_number(figure) && is_unit && !is_bare_number(token_.text)) {
      figure += ' ';
      figure += token_.text;
      advance();
    }
    return figure;
  }

  template <typename What, typename Figure>
  Result<Node> compare(Relation relation, const Result<Figure>& figure, std::size_t at) const {
    if (!figure) return lexer_.error(at, figure.error().what, figure.error().remedy);
    return Node{What{relation, *figure}, kCostOfFact};
  }

  // `token_` is the parenthesis behind its name.
  Result<Node> function(const Token& name) {
    if (!is_one_of(name.text, kFunctions)) return unknown_function(name);
    auto argument = lexer_.next_argument();
    if (!argument) return tl::unexpected(argument.error());
    std::optional<Token> given;
    if (argument->kind == Kind::glob || argument->kind == Kind::regex) given = std::move(*argument);
    if (given) {
      advance();
    } else {
      token_ = std::move(*argument);
    }
    const Token close = token_;
    if (given && close.kind != Kind::close) return expected_end_of(name, *given);
    auto node = call(name, given, close);
    if (node) advance();
    return node;
  }

  [[nodiscard]] tl::unexpected<Error> unknown_function(const Token& name) const {
    const std::string remedy = nearest(name.text, kFunctions)
                                   ? suggest(name.text, kFunctions, {})
                                   : fmt::format(
                                         "a label stands without arguments: {0}, or label({0}); "
                                         "the functions are {1}",
                                         name.text, fmt::join(kFunctions, ", "));
    if (is_one_of(name.text, kFacts)) {
      return expected("a function", name,
                      fmt::format("{0} is compared: {0} > {1}", name.text, name.text == "duration" ? "2s" : "100MB"));
    }
    return expected("a function", name, remedy);
  }

  [[nodiscard]] tl::unexpected<Error> expected_end_of(const Token& name, const Token& given) const {
    if (token_.kind == Kind::end) return expected("')'", token_);
    return expected(
        "')'", token_,
        given.kind == Kind::regex
            ? "a regular expression ends at the first '/)': write '\\/)' for one inside it"
            : fmt::format("write what holds spaces, commas, quotes or parentheses in quotes: {}(\"...\")", name.text));
  }

  // `close` stands where the argument ends, or should begin.
  Result<Node> call(const Token& name, const std::optional<Token>& given, const Token& close) {
    if (name.text == "all" || name.text == "none" || name.text == "unknown") {
      if (given) return expected("')'", *given, fmt::format("{}() takes no argument", name.text));
      if (close.kind != Kind::close) return expected("')'", close);
      if (name.text == "all") return Node{AllOf{}, kCostOfFact};
      if (name.text == "none") return Node{AnyOf{}, kCostOfFact};
      parsed_.asks_history = true;
      return Node{UnknownTests{}, kCostOfFact};
    }
    if (name.text == "failed") {
      if (given && given->value != "last") return expected("'last' or ')'", *given, "write failed(last)");
      if (close.kind != Kind::close) return expected("'last' or ')'", close);
      asks(Expression::Fact::verdict);
      return Node{FailedTests{}, kCostOfFact};
    }
    if (name.text == "verdict") {
      const auto verdict = given ? verdict_from(given->value) : std::nullopt;
      if (!verdict) {
        return expected("a verdict", given ? *given : close,
                        suggest(given ? given->text : "", kVerdictNames, "the verdicts are"));
      }
      asks(Expression::Fact::verdict);
      return Node{WithVerdict{*verdict}, kCostOfFact};
    }
    if (!given || (given->kind == Kind::glob && given->value.empty())) {
      return expected("a glob, a /regular expression/ or a quoted text", given ? *given : close,
                      fmt::format("for example {}(*memory*)", name.text));
    }
    return with_pattern(name, *given);
  }

  Result<Node> with_pattern(const Token& name, const Token& given) {
    const auto part = find_word(kParts, name.text);
    std::optional<Pattern> pattern;
    if (given.kind == Kind::glob) {
      pattern = part ? glob_for(*part, given.value) : Pattern::glob(given.value);
    } else {
      auto regex = Pattern::regex(given.text);
      if (!regex) {
        return lexer_.error(given.at + regex.error().at, fmt::format("not a regular expression: {}", regex.error().why),
                            "the syntax is RE2's; a backslash before a character makes it mean itself");
      }
      pattern = std::move(*regex);
    }
    const int cost = pattern->is_regex() ? kCostOfRegex : kCostOfGlob;
    if (part) return Node{PartMatches{*part, std::move(*pattern), parsed_.part_matches++}, cost};
    return label(given.at, given.kind == Kind::glob ? given.value : std::string(given.text), std::move(*pattern));
  }

  Lexer lexer_;
  Token token_;
  int parentheses_ = 0;
  ParsedExpression parsed_;
};

}  // namespace

Result<ParsedExpression> parse_expression(std::string_view text, const std::string& where) {
  return Parser(text, where).parse();
}

}  // namespace fittest::select
