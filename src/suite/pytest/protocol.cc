#include "suite/pytest/protocol.h"

#include <algorithm>
#include <bit>

namespace fittest::suite::pytest {

std::uint64_t FieldReader::number(std::size_t size) {
  const std::string_view text = bytes(size);
  std::uint64_t value = 0;
  for (std::size_t i = text.size(); i > 0; --i) value = value << 8 | static_cast<unsigned char>(text[i - 1]);
  return value;
}

std::uint8_t FieldReader::u8() {
  return static_cast<std::uint8_t>(number(1));
}
std::uint32_t FieldReader::u32() {
  return static_cast<std::uint32_t>(number(4));
}
std::uint64_t FieldReader::u64() {
  return number(8);
}
double FieldReader::f64() {
  return std::bit_cast<double>(number(8));
}

std::string_view FieldReader::bytes(std::size_t count) {
  if (count > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const std::string_view out = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return out;
}

void put_u32(std::string& out, std::uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift & 0xff);
}

std::string make_frame(Frame type, std::string_view payload) {
  std::string out;
  out.reserve(payload.size() + 5);
  put_u32(out, static_cast<std::uint32_t>(payload.size() + 1));
  out += static_cast<char>(type);
  out += payload;
  return out;
}

std::optional<FrameCutter::Cut> FrameCutter::next() {
  constexpr std::size_t kHead = 4;
  const std::string_view open = std::string_view(buffer_).substr(done_);
  if (open.size() < kHead) {
    buffer_.erase(0, done_);
    done_ = 0;
    return std::nullopt;
  }
  const std::uint32_t length = FieldReader(open).u32();
  if (bad_ || length == 0 || length > kLargestFrame) {
    bad_ = true;
    return std::nullopt;
  }
  if (open.size() < kHead + length) {
    buffer_.erase(0, done_);
    done_ = 0;
    // Not more at once than a length that is garbage may cost.
    buffer_.reserve(std::min<std::size_t>(kHead + length, 1 << 20));
    return std::nullopt;
  }
  done_ += kHead + length;
  return Cut{static_cast<Frame>(open[kHead]), open.substr(kHead + 1, length - 1)};
}

}  // namespace fittest::suite::pytest
