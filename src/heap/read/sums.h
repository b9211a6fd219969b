#pragma once
// What was allocated, added up by cell (a stack and a kind of memory), in one pass over the trace: also what was alive
// at the moment when most was, although that moment is known only at the end.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "heap/read/live_table.h"
#include "heap/read/peak_moment.h"
#include "heap/read/profile.h"

namespace fittest::heap {

// What allocations amount to where each is recorded.
struct ExactShare {
  std::uint64_t bytes = 0;
  std::uint64_t count = 0;

  ExactShare& operator+=(const ExactShare& other) {
    bytes += other.bytes;
    count += other.count;
    return *this;
  }
  ExactShare& operator-=(const ExactShare& other) {
    bytes -= other.bytes;
    count -= other.count;
    return *this;
  }
  [[nodiscard]] Amount amount() const { return {static_cast<double>(bytes), static_cast<double>(count), 0}; }
};

// What they amount to where some stand for others like them.
struct SampledShare {
  double bytes = 0;
  double count = 0;
  double variance = 0;

  SampledShare& operator+=(const SampledShare& other) {
    bytes += other.bytes;
    count += other.count;
    variance += other.variance;
    return *this;
  }
  SampledShare& operator-=(const SampledShare& other) {
    bytes -= other.bytes;
    count -= other.count;
    variance -= other.variance;
    return *this;
  }
  [[nodiscard]] Amount amount() const { return {bytes, count, variance}; }
};

// What one record stands for. `held` bytes of an allocation of `size` bytes: of a mapping, a part may be gone.
struct ExactScale {
  using Share = ExactShare;
  static constexpr bool kSampled = false;
  explicit ExactScale(std::uint64_t /*period*/) {}
  [[nodiscard]] ExactShare share(std::uint64_t /*size*/, std::uint64_t held, bool /*sampled*/) const {
    return {held, 1};
  }
};

// The estimator of Horvitz and Thompson for Poisson sampling ("A generalization of sampling without replacement from a
// finite universe", 1952): an allocation that is seen with probability p counts 1/p, which has the variance
// size^2 * (1 - p) / p, itself estimated by size^2 * (1 - p) / p^2.
struct SampledScale {
  using Share = SampledShare;
  static constexpr bool kSampled = true;
  explicit SampledScale(std::uint64_t period) : period_(static_cast<double>(period)) {}
  [[nodiscard]] SampledShare share(std::uint64_t size, std::uint64_t held, bool sampled) const {
    const auto bytes = static_cast<double>(held);
    if (!sampled) return {bytes, 1, 0};
    const double p = -std::expm1(-static_cast<double>(size + trace::kSampledExtra) / period_);
    return {bytes / p, 1 / p, bytes * bytes * (1 - p) / (p * p)};
  }

 private:
  double period_;
};

// A cell that changes first keeps what it held at the moments (PeakMoment) since its last change.
template <class Scale>
class Sums {
 public:
  using Share = typename Scale::Share;

  explicit Sums(std::uint64_t period) : scale_(period) {}

  [[nodiscard]] const Scale& scale() const { return scale_; }
  void resize(std::size_t cells) {
    cells_.resize(cells);
    temporary_.resize(cells);
  }
  [[nodiscard]] std::size_t size() const { return cells_.size(); }
  void prefetch(Cell at) const { __builtin_prefetch(cells_.data() + at, 1); }
  static constexpr std::uint64_t kBytesPerCell = sizeof(Share) * 5 + 64;

  void add(Cell at, const Share& share, std::uint64_t size) {
    One& cell = changing(at);
    cell.live += share;
    cell.total += share;
    cell.largest = std::max(cell.largest, size);
    held_ += share.bytes;
    peak_.rose(held_, clock_);
  }
  void remove(Cell at, const Share& share) {
    One& cell = changing(at);
    cell.live -= share;
    held_ -= share.bytes;
  }
  // A part of an allocation is gone.
  void shrink(Cell at, const Share& before, const Share& after) {
    One& cell = changing(at);
    cell.live -= before;
    cell.live += after;
    held_ -= before.bytes - after.bytes;
  }
  void add_temporary(Cell at, const Share& share) { temporary_[at] += share; }

  void clock(std::uint64_t milliseconds) { clock_ = milliseconds; }
  [[nodiscard]] std::uint64_t clock() const { return clock_; }
  // The counters have held at most this much since the record before that said so, or since the trace began.
  void counted(std::uint64_t most) { peak_.counted(most, held_, clock_); }
  [[nodiscard]] double held() const { return static_cast<double>(held_); }

  // --- what came out. `counted_peak`: the most that the counters saw.
  [[nodiscard]] std::uint64_t peak_clock(std::uint64_t counted_peak) const { return peak_.when(counted_peak); }
  [[nodiscard]] Amount alive(Cell at) const { return tidy(cells_[at].live).amount(); }
  [[nodiscard]] Figures figures(Cell at, std::uint64_t counted_peak) const {
    const One& cell = cells_[at];
    Figures figures;
    figures.total = cell.total.amount();
    figures.leaked = tidy(cell.live).amount();
    figures.temporary = temporary_[at].amount();
    figures.largest = cell.largest;
    if constexpr (Scale::kSampled) {
      const std::uint64_t peak = peak_.peak(counted_peak);
      figures.peak = tidy(peak > cell.settled ? at_moment(cell, peak) : cell.peak).amount();
    } else {
      figures.peak = (cell.moment != peak_.moment() ? cell.live : cell.peak).amount();
    }
    return figures;
  }

  // What was added and taken away again in floating point is nothing, not a millionth.
  static Share tidy(Share share) {
    if constexpr (Scale::kSampled) {
      if (share.count < 0.5) return {};
      share.variance = std::max(share.variance, 0.0);
    }
    return share;
  }

 private:
  struct alignas(64) ExactCell {
    ExactShare live, total;
    ExactShare peak;           // alive at `moment`, if that is the last
    std::uint64_t moment = 0;  // the last one before the cell's last change
    std::uint64_t largest = 0;
  };
  struct SampledCell {
    SampledShare live, total;
    SampledShare before;  // alive at `moment`
    SampledShare peak;    // alive at the moment `settled`
    std::uint64_t moment = 0;
    std::uint64_t settled = 0;  // the peak as it was known when the cell changed last
    std::uint64_t largest = 0;
  };
  static_assert(sizeof(ExactCell) == 64, "one cache line");
  using One = std::conditional_t<Scale::kSampled, SampledCell, ExactCell>;

  // Only for a moment not before cell.moment.
  static SampledShare at_moment(const SampledCell& cell, std::uint64_t moment) {
    return moment > cell.moment ? cell.live : cell.before;
  }
  One& changing(Cell at) {
    One& cell = cells_[at];
    const std::uint64_t moment = peak_.moment();
    if constexpr (Scale::kSampled) {
      if (const std::uint64_t peak = peak_.counted_peak(); peak > cell.settled) {
        cell.peak = at_moment(cell, peak);
        cell.settled = peak;
      }
      if (cell.moment != moment) cell.before = cell.live;
    } else {
      // Without branches, as in PeakMoment::rose.
      const std::uint64_t keep = ~(std::uint64_t{cell.moment == moment} - 1);
      cell.peak.bytes = (cell.peak.bytes & keep) | (cell.live.bytes & ~keep);
      cell.peak.count = (cell.peak.count & keep) | (cell.live.count & ~keep);
    }
    cell.moment = moment;
    return cell;
  }

  Scale scale_;
  std::vector<One> cells_;
  std::vector<Share> temporary_;
  decltype(Share::bytes) held_ = 0;
  PeakMoment<decltype(Share::bytes), Scale::kSampled, std::uint64_t> peak_;
  std::uint64_t clock_ = 0;
};

}  // namespace fittest::heap
