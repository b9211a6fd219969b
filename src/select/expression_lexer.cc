#include "select/expression_lexer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <vector>

#include "core/utf8.h"

namespace fittest::select {
namespace {

constexpr std::string_view kSpaces = " \t\r\n\f\v";
// Beside letters and digits, those of pytest's -m.
constexpr std::string_view kWordMarks = "_:+-.[]\\/";
constexpr std::string_view kRelationMarks = "<>=!&|~";
constexpr std::string_view kEndsGlob = " \t\r\n\f\v(),\"'";
// So much of a long text is shown on either side of the mark.
constexpr std::size_t kShownAround = 45;
constexpr std::size_t kShownOfToken = 30;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80 || kWordMarks.find(c) != std::string_view::npos;
}

// The characters of a text, each of one column: what a terminal would act on is a space.
std::vector<std::string> characters(std::string_view text) {
  const std::string valid = valid_utf8(text);
  std::vector<std::string> out;
  for (std::string_view rest = valid; !rest.empty();) {
    const std::size_t length = decode_utf8(rest).length;
    const bool is_control = length == 1 && (static_cast<unsigned char>(rest[0]) < 0x20 || rest[0] == 0x7f);
    out.emplace_back(is_control ? " " : rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return out;
}

std::string printable(std::string_view text) {
  return fmt::format("{}", fmt::join(characters(text), ""));
}

std::string cut(std::string_view text) {
  const auto all = characters(text);
  if (all.size() <= kShownOfToken) return printable(text);
  return fmt::format("{}...", fmt::join(all.begin(), all.begin() + kShownOfToken, ""));
}

}  // namespace

std::size_t count_characters(std::string_view text) {
  return characters(text).size();
}

std::string describe(const Token& token) {
  if (token.kind == Token::Kind::end) return "the end";
  return "'" + cut(token.text) + "'";
}

void Lexer::skip_spaces() {
  at_ = std::min(text_.find_first_not_of(kSpaces, at_), text_.size());
}

Token Lexer::take(Token::Kind kind, std::size_t length) {
  Token token{kind, at_, text_.substr(at_, length)};
  at_ += token.text.size();
  return token;
}

Token Lexer::next() {
  skip_spaces();
  if (at_ == text_.size()) return take(Token::Kind::end, 0);
  const char c = text_[at_];
  if (c == '(') return take(Token::Kind::open, 1);
  if (c == ')') return take(Token::Kind::close, 1);
  const std::string_view rest = text_.substr(at_);
  const auto run_of = [&](auto belongs) {
    return static_cast<std::size_t>(std::ranges::find_if_not(rest, belongs) - rest.begin());
  };
  if (is_word(c)) return take(Token::Kind::word, run_of(is_word));
  const auto is_mark = [](char mark) { return kRelationMarks.find(mark) != std::string_view::npos; };
  if (is_mark(c)) return take(Token::Kind::relation, run_of(is_mark));
  return take(Token::Kind::stray, 1);
}

Result<Token> Lexer::next_argument() {
  skip_spaces();
  if (at_ == text_.size()) return next();
  if (text_[at_] == '/') return regex();
  if (text_[at_] == '"' || text_[at_] == '\'') return quoted();
  const std::size_t end = std::min(text_.find_first_of(kEndsGlob, at_), text_.size());
  if (end == at_) return next();
  Token token = take(Token::Kind::glob, end - at_);
  token.value = token.text;
  return token;
}

Result<Token> Lexer::quoted() {
  const std::size_t begin = at_;
  const char quote = text_[at_];
  Token token{Token::Kind::glob, begin, {}};
  for (std::size_t i = begin + 1; i < text_.size(); ++i) {
    if (text_[i] == quote) {
      token.text = text_.substr(begin, i + 1 - begin);
      at_ = i + 1;
      return token;
    }
    const char next = i + 1 < text_.size() ? text_[i + 1] : '\0';
    if (text_[i] == '\\' && (next == quote || next == '\\')) ++i;
    token.value += text_[i];
  }
  return error(begin, fmt::format("expected a closing {}, found the end", quote));
}

// It ends at the slash before the parenthesis: paths need no backslashes.
Result<Token> Lexer::regex() {
  const std::size_t begin = at_ + 1;
  for (std::size_t i = begin; i < text_.size(); ++i) {
    if (text_[i] == '\\') {
      ++i;
      continue;
    }
    if (text_[i] != '/') continue;
    const std::size_t behind = text_.find_first_not_of(kSpaces, i + 1);
    if (behind == std::string_view::npos || text_[behind] != ')') continue;
    at_ = i + 1;
    return Token{Token::Kind::regex, begin, text_.substr(begin, i - begin)};
  }
  return error(at_, "expected '/)' at the end of this regular expression, found the end",
               "write it between slashes: name(/test_[ab]/)");
}

tl::unexpected<Error> Lexer::error(std::size_t at, std::string_view what, std::string_view remedy) const {
  const auto all = characters(text_);
  const std::size_t mark = std::min(count_characters(text_.substr(0, at)), all.size());
  const std::size_t from = mark > kShownAround ? mark - kShownAround : 0;
  const std::size_t to = std::min(all.size(), mark + kShownAround);
  const std::string_view before = from > 0 ? "..." : "";
  const std::string_view behind = to < all.size() ? "..." : "";
  const std::span<const std::string> shown = std::span(all).subspan(from, to - from);
  return failure(fmt::format("{}\n    {}{}{}\n    {:{}}^", printable(what), before, fmt::join(shown, ""), behind, "",
                             before.size() + mark - from),
                 fmt::format("{}, column {}", where_, mark + 1), printable(remedy));
}

}  // namespace fittest::select
