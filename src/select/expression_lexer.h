#pragma once
// Cuts an expression into words, operators and parentheses.
#include <cstddef>
#include <string>
#include <string_view>

#include "core/error.h"

namespace fittest::select {

struct Token {
  enum class Kind { end, word, relation, open, close, glob, regex, stray };
  Kind kind = Kind::end;
  std::size_t at = 0;      // in the text, in bytes
  std::string_view text;   // as written; of a regular expression without its slashes
  std::string value = {};  // of a glob: without quotes
};

// What a message calls it: "'and'", "the end".
std::string describe(const Token& token);

// In code points; each byte of what is not UTF-8 counts as one.
std::size_t count_characters(std::string_view text);

class Lexer {
 public:
  // Both must outlive it.
  Lexer(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  // The next token; `end` for ever at the end, `stray` for what begins none.
  Token next();
  // The next one where the argument of a function may stand: a glob, a /regular expression/, or what `next` gives.
  Result<Token> next_argument();

  // An error at a place of the text: with its column, and the text with a mark below it.
  [[nodiscard]] tl::unexpected<Error> error(std::size_t at, std::string_view what, std::string_view remedy = {}) const;

 private:
  void skip_spaces();
  Token take(Token::Kind kind, std::size_t length);
  Result<Token> quoted();
  Result<Token> regex();

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

}  // namespace fittest::select
