#pragma once
#include <cstdint>

namespace fittest::heap {

// When most was held, found in one pass although it is known only at the end. In an exact trace that is when the sum of
// what is recorded was largest. In a sampled one that sum is an estimate, and the counters say in `live` records
// between which two of them most was held; within, it is when the estimate was largest. Either way a "moment" is a
// number that grows with each new candidate. `When` is whatever the caller wants to know of a moment.
template <class Held, bool kSampled, class When>
class PeakMoment {
 public:
  // More is held than before.
  void rose(Held held, When when) {
    // Without branches: while memory grows and shrinks about its peak, they would be guessed wrong.
    const bool higher = held > least_of_new_peak();
    most_ = higher ? held : most_;
    moment_ += higher ? 1 : 0;
    moment_when_ = higher ? when : moment_when_;
  }
  // The counters have held at most this much since the record before that said so, or since the trace began.
  void counted(std::uint64_t most, Held held, When when) {
    if constexpr (kSampled) {
      if (most > counted_most_) {
        counted_most_ = most;
        peak_ = moment_;
        peak_when_ = moment_when_;
      }
      // What is held now is the first candidate of the next stretch.
      most_ = held;
      ++moment_;
      moment_when_ = when;
    }
  }

  [[nodiscard]] std::uint64_t moment() const { return moment_; }
  // The moment of the peak as far as the counters have said; sampled only.
  [[nodiscard]] std::uint64_t counted_peak() const { return peak_; }

  // --- at the end. `most`: the most that the counters saw; more than the records said means that it was after the last
  // of them. A peak that is hardly higher than one whose moment is known is not looked for: it may be the same, counted
  // by several threads.
  [[nodiscard]] bool peak_is_last(std::uint64_t most) const {
    return !kSampled || counted_most_ == 0 || most > counted_most_ + counted_most_ / 64;
  }
  [[nodiscard]] std::uint64_t peak(std::uint64_t most) const { return peak_is_last(most) ? moment_ : peak_; }
  [[nodiscard]] When when(std::uint64_t most) const { return peak_is_last(most) ? moment_when_ : peak_when_; }

 private:
  // Rounding alone makes no new peak.
  [[nodiscard]] auto least_of_new_peak() const {
    if constexpr (kSampled) {
      return most_ * (1 + 1e-9);
    } else {
      return most_;
    }
  }

  Held most_ = 0;  // sampled: since the last `live` record
  std::uint64_t moment_ = 0;
  When moment_when_ = 0;
  std::uint64_t peak_ = 0;
  When peak_when_ = 0;
  std::uint64_t counted_most_ = 0;
};

}  // namespace fittest::heap
