#pragma once
// Whether what a stack holds grows with each repetition of the same work: a leak, or a cache that is full at some time.
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "heap/read/profile.h"

namespace fittest::heap {

// Of a line through figures that were taken one step apart.
struct Slope {
  double per_step = 0;
  double error = 0;  // half the width of its 95 % interval
  [[nodiscard]] bool is_above_zero() const { return per_step > error; }
};
// The line of least squares, and the interval that Student's distribution gives its slope. At least three values.
Slope slope_of(std::span<const double> values);

struct Growth {
  std::uint32_t stack = 0;
  trace::Kind kind = trace::Kind::heap;
  std::vector<double> held;  // bytes after each repetition
  Slope slope;               // over the later half of them: caches fill in the first
  [[nodiscard]] bool grows() const { return slope.is_above_zero(); }
};

// The least repetitions that say anything.
inline constexpr std::size_t kLeastRepetitions = 4;

// What was alive at the ends of repetitions, with stacks that a reader cannot tell apart as one: the same line of
// Python is reached through other functions of the interpreter once it has specialised it. `shown_as`: of a stack the
// first one that looks the same. Kinds are two then: heap, Python's included, and mapped.
using Held = std::vector<std::vector<AliveFigures>>;
Held join_stacks(const Held& held, const std::function<std::uint32_t(std::uint32_t)>& shown_as);

// `held`: for each repetition what was alive at its end, as ReadOptions::on_alive tells it; at least kLeastRepetitions.
// Those that grow come first, the steepest before; then what settled, the largest before. What holds nothing at the end
// is left out.
std::vector<Growth> growth_of(const Held& held);

}  // namespace fittest::heap
