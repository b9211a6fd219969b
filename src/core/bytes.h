#pragma once
// Amounts of memory. Units are of 1024, as the kernel counts.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"

namespace fittest {

// A number of bytes, never negative: subtraction stops at zero, because "less than nothing held" has no meaning
// where figures come from two reads at different moments.
struct Bytes {
  std::uint64_t value = 0;

  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr Bytes& operator+=(Bytes other) {
    value += other.value;
    return *this;
  }
  constexpr Bytes& operator-=(Bytes other) {
    value = value > other.value ? value - other.value : 0;
    return *this;
  }
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return a += b; }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return a -= b; }
  // Rounds down; a factor below zero is taken as zero.
  [[nodiscard]] constexpr Bytes scaled(double factor) const {
    return {factor <= 0 ? 0 : static_cast<std::uint64_t>(static_cast<double>(value) * factor)};
  }
  [[nodiscard]] constexpr double mib() const { return static_cast<double>(value) / (1024.0 * 1024.0); }
};

constexpr Bytes KiB(std::uint64_t n) {
  return {n << 10};
}
constexpr Bytes MiB(std::uint64_t n) {
  return {n << 20};
}
constexpr Bytes GiB(std::uint64_t n) {
  return {n << 30};
}

// "1.5 GiB", "512 MiB", "0 B": three digits at most before the point, one behind it below 10.
std::string format_bytes(Bytes amount);

// Reads "4G", "512MiB", "1.5 gb", "1048576" (bytes). Units: B, K, KB, KiB ... P, PB, PiB, any case, of 1024.
// Errors: empty, no number, unknown unit, negative, over 2^63.
Result<Bytes> parse_bytes(std::string_view text);

}  // namespace fittest
