#pragma once
#include <cmath>

#include "select/split.h"

namespace fittest::select {

// Python's sum() of floats.
class PythonSum {
 public:
  explicit PythonSum(Summation summation) : summation_(summation) {}

  void add(double value) {
    const double next = sum_ + value;
    if (summation_ == Summation::compensated) {
      lost_ += std::abs(sum_) >= std::abs(value) ? (sum_ - next) + value : (value - next) + sum_;
    }
    sum_ = next;
  }
  [[nodiscard]] double value() const { return sum_ + lost_; }

 private:
  Summation summation_;
  double sum_ = 0;
  double lost_ = 0;
};

}  // namespace fittest::select
