#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "heap/read/profile.h"

namespace fittest::heap {

// Memory over time, for a graph. When there are too many points, of every two neighbours the higher is kept.
class Moments {
 public:
  void add(std::uint64_t milliseconds, std::uint64_t live) {
    if (!moments_.empty() && milliseconds < next_) {
      Moment& last = moments_.back();
      if (live > last.live) last = {milliseconds, live};
      return;
    }
    if (moments_.size() == kMost) thin();
    moments_.push_back({milliseconds, live});
    next_ = milliseconds + step_;
  }
  [[nodiscard]] const std::vector<Moment>& moments() const { return moments_; }

 private:
  static constexpr std::size_t kMost = 4096;
  void thin() {
    for (std::size_t i = 0; i < kMost / 2; ++i) {
      const Moment& a = moments_[2 * i];
      const Moment& b = moments_[2 * i + 1];
      moments_[i] = a.live >= b.live ? a : b;
    }
    moments_.resize(kMost / 2);
    // From now on points come as far apart as those that are left.
    step_ = std::max(step_ * 2, (moments_.back().milliseconds - moments_.front().milliseconds) / (kMost / 2));
  }

  std::vector<Moment> moments_;
  std::uint64_t step_ = 1;
  std::uint64_t next_ = 0;
};

}  // namespace fittest::heap
