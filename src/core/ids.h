#pragma once
#include <cstdint>

namespace fittest {

// A test's place in the collection of this run, from 0. Stable within a run; between runs only the test's id
// (a string) is.
using TestIndex = std::uint32_t;

// A worker of this run, from 0, never used again after the worker is gone.
enum class WorkerId : std::uint32_t {};
constexpr std::uint32_t number(WorkerId id) {
  return static_cast<std::uint32_t>(id);
}

// Time on the run's clock (monotonic, 0 = the run's start), and spans of it, in seconds.
using Seconds = double;

}  // namespace fittest
