#include "core/utf8.h"

#include <algorithm>

namespace fittest {

Decoded decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {Decoded::Kind::valid, first, 1};
  std::size_t length = 0;
  char32_t code = 0;
  // The range of the second byte shuts out overlong forms, surrogates and what lies over U+10FFFF.
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
    code = first & 0x1FU;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    code = first & 0x0FU;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    code = first & 0x07U;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return {Decoded::Kind::invalid, 0, 1};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {Decoded::Kind::cut_short, 0, text.size()};
    const unsigned next = byte(i);
    if (next < (i == 1 ? low : 0x80U) || next > (i == 1 ? high : 0xBFU)) return {Decoded::Kind::invalid, 0, 1};
    code = (code << 6U) | (next & 0x3FU);
  }
  return {Decoded::Kind::valid, code, length};
}

std::string valid_utf8(std::string_view text) {
  static constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto* high =
        std::find_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 127; });
    const auto ascii = static_cast<std::size_t>(high - text.begin());
    out += text.substr(0, ascii);
    text.remove_prefix(ascii);
    if (text.empty()) break;
    const Decoded next = decode_utf8(text);
    if (next.kind == Decoded::Kind::valid) {
      out += text.substr(0, next.length);
      text.remove_prefix(next.length);
    } else {
      out += kReplacement;
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace fittest
