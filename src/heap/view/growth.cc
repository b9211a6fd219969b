#include "heap/view/growth.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

namespace fittest::heap {
namespace {

// Student's t for 95 % on both sides, by degrees of freedom from 1 (NIST/SEMATECH e-Handbook of Statistical Methods,
// 1.3.6.7.2); beyond them the normal distribution's.
constexpr std::array<double, 10> kStudent = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};
constexpr double kNormal = 1.96;

}  // namespace

Slope slope_of(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  const double middle = (count - 1) / 2;
  double mean = 0;
  for (const double value : values) mean += value / count;
  double across = 0, spread = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double step = static_cast<double>(i) - middle;
    across += step * (values[i] - mean);
    spread += step * step;
  }
  Slope slope;
  slope.per_step = across / spread;
  double rest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double off = values[i] - mean - slope.per_step * (static_cast<double>(i) - middle);
    rest += off * off;
  }
  const std::size_t freedom = values.size() - 2;
  const double student = freedom <= kStudent.size() ? kStudent[freedom - 1] : kNormal;
  slope.error = student * std::sqrt(rest / static_cast<double>(freedom) / spread);
  // A straight line in floating point.
  if (slope.error < 1e-9 * std::abs(slope.per_step)) slope.error = 0;
  return slope;
}

Held join_stacks(const Held& held, const std::function<std::uint32_t(std::uint32_t)>& shown_as) {
  Held joined;
  for (const std::vector<AliveFigures>& figures : held) {
    std::map<std::pair<std::uint32_t, trace::Kind>, Amount> sums;
    for (const AliveFigures& one : figures) {
      const bool is_mapped = one.kind == trace::Kind::mapped || one.kind == trace::Kind::brk;
      Amount& sum = sums[{shown_as(one.stack), is_mapped ? trace::Kind::mapped : trace::Kind::heap}];
      sum.bytes += one.alive.bytes;
      sum.count += one.alive.count;
      sum.variance += one.alive.variance;
    }
    joined.emplace_back();
    for (const auto& [key, sum] : sums) joined.back().push_back({key.first, key.second, sum});
  }
  return joined;
}

std::vector<Growth> growth_of(const Held& held) {
  std::map<std::pair<std::uint32_t, trace::Kind>, Growth> found;
  for (std::size_t repetition = 0; repetition < held.size(); ++repetition) {
    for (const AliveFigures& figures : held[repetition]) {
      Growth& growth = found[{figures.stack, figures.kind}];
      growth.held.resize(held.size());
      growth.held[repetition] = figures.alive.bytes;
    }
  }
  const std::size_t later = std::max<std::size_t>(3, (held.size() + 1) / 2);
  std::vector<Growth> all;
  for (auto& [key, growth] : found) {
    if (!(growth.held.back() > 0)) continue;
    growth.stack = key.first;
    growth.kind = key.second;
    growth.slope = slope_of(std::span(growth.held).last(later));
    all.push_back(std::move(growth));
  }
  std::ranges::stable_sort(all, [](const Growth& a, const Growth& b) {
    if (a.grows() != b.grows()) return a.grows();
    return a.grows() ? a.slope.per_step > b.slope.per_step : a.held.back() > b.held.back();
  });
  return all;
}

}  // namespace fittest::heap
