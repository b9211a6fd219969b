#pragma once
#include <cstdint>
#include <cstdlib>
#include <random>

namespace fittest::heap {

// Tests on noise do the same on each run, unless more is asked for: FITTEST_NOISE_ROUNDS and FITTEST_NOISE_SEED.
inline std::uint64_t noise_number(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}
inline std::uint64_t noise_rounds(std::uint64_t otherwise) {
  return noise_number("FITTEST_NOISE_ROUNDS", otherwise);
}
inline std::mt19937_64 noise() {
  return std::mt19937_64(noise_number("FITTEST_NOISE_SEED", 20));
}

}  // namespace fittest::heap
