#include "report/width.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/utf8.h"

namespace fittest::report {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};
// Coarse on purpose: whole blocks, as terminals agree about them.
constexpr std::array<Range, 11> kCombining = {{{0x0300, 0x036F},
                                               {0x0483, 0x0489},
                                               {0x0591, 0x05BD},
                                               {0x064B, 0x065F},
                                               {0x1AB0, 0x1AFF},
                                               {0x1DC0, 0x1DFF},
                                               {0x200B, 0x200F},
                                               {0x20D0, 0x20F0},
                                               {0xFE00, 0xFE0F},
                                               {0xFE20, 0xFE2F},
                                               {0xE0100, 0xE01EF}}};
constexpr std::array<Range, 11> kWide = {{{0x1100, 0x115F},
                                          {0x231A, 0x231B},
                                          {0x2E80, 0x303E},
                                          {0x3041, 0xA4CF},
                                          {0xA960, 0xA97C},
                                          {0xAC00, 0xD7A3},
                                          {0xF900, 0xFAFF},
                                          {0xFE30, 0xFE6F},
                                          {0xFF00, 0xFF60},
                                          {0x1F300, 0x1FAFF},
                                          {0x20000, 0x3FFFD}}};

template <std::size_t N>
bool contains(const std::array<Range, N>& ranges, char32_t code) {
  return std::any_of(ranges.begin(), ranges.end(), [=](Range r) { return code >= r.first && code <= r.last; });
}

constexpr std::string_view kGap = "...";

struct Piece {
  std::string_view text;
  unsigned width = 0;
};

// The first colour sequence or character of a text that is not empty.
Piece first_piece(std::string_view text) {
  if (text.size() > 1 && text[0] == '\x1b' && text[1] == '[') {
    const std::size_t end = text.find_first_not_of("0123456789;:", 2);
    if (end != std::string_view::npos && text[end] == 'm') return {text.substr(0, end + 1), 0};
  }
  const Decoded next = decode_utf8(text);
  if (next.kind != Decoded::Kind::valid) return {text.substr(0, 1), 1};
  return {text.substr(0, next.length), width_of(next.code)};
}

std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> pieces;
  while (!text.empty()) {
    pieces.push_back(first_piece(text));
    text.remove_prefix(pieces.back().text.size());
  }
  return pieces;
}

}  // namespace

unsigned width_of(char32_t code) {
  if (code < 0x300) return 1;
  if (contains(kCombining, code)) return 0;
  return contains(kWide, code) ? 2 : 1;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Piece piece = first_piece(text);
    width += piece.width;
    text.remove_prefix(piece.text.size());
  }
  return width;
}

std::string cut_to_width(std::string_view text, std::size_t columns) {
  std::size_t width = 0;
  std::string out;
  bool coloured = false;
  while (!text.empty()) {
    const Piece piece = first_piece(text);
    if (width + piece.width > columns) return coloured ? out + "\x1b[0m" : out;
    if (piece.text.front() == '\x1b') coloured = true;
    width += piece.width;
    out += piece.text;
    text.remove_prefix(piece.text.size());
  }
  return out;
}

std::string shorten_end(std::string_view text, std::size_t columns) {
  if (text.size() <= columns || display_width(text) <= columns) return std::string(text);
  if (columns <= kGap.size()) return cut_to_width(text, columns);
  return cut_to_width(text, columns - kGap.size()) + std::string(kGap);
}

std::string shorten_middle(std::string_view text, std::size_t columns) {
  if (text.size() <= columns || display_width(text) <= columns) return std::string(text);
  if (columns <= kGap.size()) return cut_to_width(text, columns);
  const std::vector<Piece> pieces = pieces_of(text);
  const std::size_t room = columns - kGap.size();
  const std::size_t front_room = room / 3;
  std::string front;
  std::size_t used = 0;
  for (const Piece& piece : pieces) {
    if (used + piece.width > front_room) break;
    used += piece.width;
    front += piece.text;
  }
  std::size_t first = pieces.size();
  while (first > 0 && used + pieces[first - 1].width <= room) used += pieces[--first].width;
  std::string out = front + std::string(kGap);
  for (; first < pieces.size(); ++first) out += pieces[first].text;
  return out;
}

}  // namespace fittest::report
