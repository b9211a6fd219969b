#pragma once
#include <bit>
#include <cstdint>

namespace fittest::heap::track {

// The natural logarithm of x in (0, 1], to 1e-9, without libm: x = m * 2^e with m in [sqrt(1/2), sqrt(2)), and
// ln m = 2 artanh((m - 1) / (m + 1)).
inline double natural_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1022;
  double m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFFULL) | 0x3FE0000000000000ULL);  // in [1/2, 1)
  if (m < 0.70710678118654752) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1);
  const double q = s * s;
  const double series = 1 + q * (1.0 / 3 + q * (1.0 / 5 + q * (1.0 / 7 + q * (1.0 / 9 + q * (1.0 / 11 + q / 13)))));
  return 2 * s * series + exponent * 0.69314718055994531;
}

// Marsaglia's xorshift64*: one word of state, never 0.
struct Random {
  std::uint64_t state;

  std::uint64_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1DULL;
  }
  // From an exponential distribution: the bytes up to the next sample of a Poisson process with `mean` bytes between
  // two. At least 1.
  std::int64_t exponential(double mean) {
    const double uniform = (static_cast<double>(next() >> 11) + 1) * 0x1p-53;  // (0, 1]
    return 1 + static_cast<std::int64_t>(-natural_log(uniform) * mean);
  }
};

}  // namespace fittest::heap::track
