#pragma once
// Text that came from somebody else: it should be UTF-8, and often is not.
#include <cstddef>
#include <string>
#include <string_view>

namespace fittest {

struct Decoded {
  enum class Kind { valid, invalid, cut_short };  // cut_short: a valid beginning, and the text ends in it
  Kind kind = Kind::valid;
  char32_t code = 0;       // only of a valid one
  std::size_t length = 1;  // bytes taken; 1 for an invalid one, all that are left for one cut short
};

// The first code point of a text that is not empty.
Decoded decode_utf8(std::string_view text);

// The text with each byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

}  // namespace fittest
