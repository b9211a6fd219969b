#include "report/open_line.h"

#include <algorithm>
#include <optional>

#include "core/utf8.h"
#include "report/width.h"

namespace fittest::report {
namespace {

// The length of the escape sequence at the start of the text; nothing where it has no end yet.
// `harmless`: it moves the cursor nowhere, and writing it again changes nothing.
std::optional<std::size_t> escape_sequence(std::string_view text, bool& harmless) {
  if (text.size() < 2) return std::nullopt;
  if (text[1] == '[') {
    const auto* end = std::find_if(text.begin() + 2, text.end(), [](char c) { return c >= 0x40 && c <= 0x7E; });
    if (end == text.end()) return std::nullopt;
    harmless = *end == 'm' || *end == 'K';
    return end - text.begin() + 1;
  }
  if (text[1] == ']') {  // hyperlinks, window titles; ended by BEL or ESC backslash
    const std::size_t bell = text.find('\a', 2);
    const std::size_t escape = text.find('\x1b', 2);
    harmless = true;
    if (bell < escape) return bell + 1;
    if (escape == std::string_view::npos || escape + 1 >= text.size()) return std::nullopt;
    return escape + 2;
  }
  harmless = false;
  return 2;
}

void advance(OpenLine& line, unsigned width, unsigned columns) {
  if (width == 0) return;
  if (line.column + width > columns) {
    ++line.row;
    line.column = 0;
  }
  line.column = std::min(line.column + width, columns);
}

}  // namespace

OpenLine measure(std::string_view text, unsigned columns) {
  OpenLine line;
  while (!text.empty()) {
    const char c = text.front();
    std::size_t taken = 1;
    if (c == '\x1b') {
      bool harmless = true;
      const auto length = escape_sequence(text, harmless);
      if (!length) {
        line.whole = false;
        return line;
      }
      if (!harmless) line.tame = false;
      taken = *length;
    } else if (c == '\r') {
      line.column = 0;
    } else if (c == '\b') {
      line.column = std::min(line.column, columns - 1);
      if (line.column > 0) --line.column;
    } else if (c == '\t') {
      line.column = std::min(line.column / 8 * 8 + 8, columns - 1);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f') {
      line.tame = false;
    } else {
      const Decoded next = decode_utf8(text);
      if (next.kind == Decoded::Kind::cut_short) {
        line.whole = false;
        return line;
      }
      if (next.kind == Decoded::Kind::invalid || (next.code >= 0x80 && next.code < 0xA0)) line.tame = false;
      taken = next.length;
      advance(line, width_of(next.code), columns);
    }
    text.remove_prefix(taken);
  }
  return line;
}

}  // namespace fittest::report
