#include "core/utf8_bytes.h"

#include "core/utf8.h"

namespace fittest {
namespace {

constexpr char32_t kBase = 0x10FF00;

bool stands_for_byte(const Decoded& decoded) {
  return decoded.kind == Decoded::Kind::valid && decoded.code >= kBase + 0x80 && decoded.code <= kBase + 0xFF;
}

void add_stand_in(std::string& out, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  out += "\xF4\x8F";
  out += static_cast<char>(0xBC | (value >> 6U));
  out += static_cast<char>(0x80 | (value & 0x3FU));
}

}  // namespace

std::string bytes_to_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Decoded decoded = decode_utf8(bytes);
    const bool plain = decoded.kind == Decoded::Kind::valid && !stands_for_byte(decoded);
    const std::size_t length = plain ? decoded.length : 1;
    if (plain) {
      out += bytes.substr(0, length);
    } else {
      add_stand_in(out, bytes.front());
    }
    bytes.remove_prefix(length);
  }
  return out;
}

std::string utf8_to_bytes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded decoded = decode_utf8(text);
    const std::size_t length = decoded.kind == Decoded::Kind::valid ? decoded.length : 1;
    if (stands_for_byte(decoded)) {
      out += static_cast<char>(decoded.code - kBase);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace fittest
