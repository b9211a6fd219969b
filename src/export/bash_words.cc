#include "export/bash_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/utf8.h"

namespace fittest::exporting {
namespace {

bool means_itself(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
}

// Whether a person sees the character as it is, in one line. Not so: control characters, separators of lines, marks
// that turn the direction of the text behind them, and half of a UTF-16 pair.
bool is_plain(char32_t code) {
  return code >= 0x20 && !(code >= 0x7f && code < 0xa0) && !(code >= 0x200b && code <= 0x200f) &&
         !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2060 && code <= 0x206f) &&
         !(code >= 0xd800 && code < 0xe000) && code != 0xfeff && (code & 0xfffe) != 0xfffe;
}

// Also not so: what a reader (or shellcheck) could take for something that was meant to be replaced.
bool is_plain_in_quotes(std::string_view text) {
  if (text.find_first_of("'\\$`") != std::string_view::npos) return false;
  while (!text.empty()) {
    const Decoded first = decode_utf8(text);
    if (first.kind != Decoded::Kind::valid || !is_plain(first.code)) return false;
    text.remove_prefix(first.length);
  }
  return true;
}

// $'like this', with escapes for all that is no plain character.
std::string with_escapes(std::string_view text) {
  std::string quoted = "$'";
  while (!text.empty()) {
    const Decoded first = decode_utf8(text);
    const std::string_view bytes = text.substr(0, first.length);
    if (first.kind == Decoded::Kind::valid && is_plain(first.code) && !text.starts_with("${{")) {
      if (bytes == "'" || bytes == "\\") quoted += '\\';
      quoted += bytes;
    } else {
      for (const char byte : bytes) quoted += fmt::format("\\{:03o}", static_cast<unsigned char>(byte));
    }
    text.remove_prefix(first.length);
  }
  return quoted + "'";
}

}  // namespace

std::string bash_word(std::string_view word) {
  if (!word.empty() && std::ranges::all_of(word, means_itself)) return std::string(word);
  return is_plain_in_quotes(word) ? "'" + std::string(word) + "'" : with_escapes(word);
}

std::string bash_words(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + bash_word(word);
  return line;
}

}  // namespace fittest::exporting
