#include "select/pattern.h"

#include <re2/re2.h>

#include <algorithm>
#include <optional>

namespace fittest::select {
namespace {

// So many places are looked at for the one that RE2 means.
constexpr int kMostPlaces = 64;

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

re2::RE2::Options options() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  return options;
}

// RE2 says what it refuses, and not where that stands: at the first place up to which the text is refused alike.
std::size_t place_of(const re2::RE2& refused, std::string_view text) {
  const std::string& part = refused.error_arg();
  const std::size_t first = text.find(part);
  if (part.empty() || first == std::string_view::npos) return text.size();
  int looked_at = 0;
  for (std::size_t at = first; at != std::string_view::npos && looked_at < kMostPlaces; at = text.find(part, at + 1)) {
    const re2::RE2 up_to_it(piece(text.substr(0, at + part.size())), options());
    if (up_to_it.error_code() == refused.error_code()) return at;
    ++looked_at;
  }
  return first;
}

}  // namespace

bool matches_glob(std::string_view glob, std::string_view text) {
  // On a mismatch only the latest `*` need take one character more: an earlier one could gain nothing by it.
  std::size_t g = 0;
  std::size_t t = 0;
  std::optional<std::size_t> star;
  std::size_t star_end = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      star_end = t;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      const bool whole_character = glob[g++] == '?';
      ++t;
      while (whole_character && t < text.size() && continues_character(text[t])) ++t;
    } else if (star) {
      g = *star + 1;
      t = ++star_end;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == std::string_view::npos;
}

Pattern::Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Pattern Pattern::glob(std::string_view text, std::initializer_list<std::string_view> or_followed_by) {
  Pattern pattern;
  pattern.globs_.emplace_back(text);
  if (text.ends_with('*')) return pattern;  // which is all that may follow
  for (const std::string_view follower : or_followed_by) pattern.globs_.push_back(std::string(text).append(follower));
  return pattern;
}

tl::expected<Pattern, Pattern::Fault> Pattern::regex(std::string_view text) {
  Pattern pattern;
  pattern.regex_ = std::make_unique<re2::RE2>(piece(text), options());
  if (!pattern.regex_->ok()) {
    return tl::unexpected(Fault{pattern.regex_->error(), place_of(*pattern.regex_, text)});
  }
  return pattern;
}

bool Pattern::matches(std::string_view text) const {
  if (regex_) return regex_->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
  return std::ranges::any_of(globs_, [&](const std::string& glob) { return matches_glob(glob, text); });
}

bool Pattern::is_open() const {
  return regex_ || globs_[0].find_first_of("*?") != std::string::npos;
}

}  // namespace fittest::select
