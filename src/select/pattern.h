#pragma once
// What a name may be compared with: a glob, or a regular expression.
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace re2 {
class RE2;
}

namespace fittest::select {

// The whole text must match: `*` is anything, also nothing and "/"; `?` is one character; brackets and all else mean
// themselves.
bool matches_glob(std::string_view glob, std::string_view text);

class Pattern {
 public:
  // `or_followed_by`: globs that may follow it in the text.
  static Pattern glob(std::string_view text, std::initializer_list<std::string_view> or_followed_by = {});

  // Why a regular expression is none, and where, in bytes from its start.
  struct Fault {
    std::string why;
    std::size_t at = 0;
  };
  // RE2's syntax; found anywhere in the text, and `.` is also a line's end.
  static tl::expected<Pattern, Fault> regex(std::string_view text);

  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  [[nodiscard]] bool matches(std::string_view text) const;
  // False for a glob that one text alone can match, what may follow it aside.
  [[nodiscard]] bool is_open() const;
  [[nodiscard]] bool is_regex() const { return regex_ != nullptr; }

 private:
  Pattern();
  std::vector<std::string> globs_;  // one of them must match; none for a regular expression
  std::unique_ptr<re2::RE2> regex_;
};

}  // namespace fittest::select
