#pragma once
// Ids hold any bytes, JSON holds UTF-8: each byte that is not part of UTF-8 is stood for by U+10FF00 + byte, of a plane
// that nobody uses. Such a character that is in a text itself is taken for four bytes: there and back nothing changes.
#include <string>
#include <string_view>

namespace fittest {

std::string bytes_to_utf8(std::string_view bytes);
std::string utf8_to_bytes(std::string_view text);

}  // namespace fittest
