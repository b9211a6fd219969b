#pragma once
#include <cstddef>
#include <optional>
#include <utility>

#include "core/ids.h"

namespace fittest::report {

// Lets the first few lines of a kind through at once, then one now and then; counts those it holds back.
class RateLimit {
 public:
  RateLimit(unsigned burst, Seconds interval) : left_(burst), interval_(interval) {}

  // Nothing when the line is not to be shown; else how many were held back since the last one shown.
  std::optional<std::size_t> admit(Seconds now) {
    if (left_ == 0 && now - last_ < interval_) {
      ++held_back_;
      return std::nullopt;
    }
    if (left_ > 0) --left_;
    last_ = now;
    return std::exchange(held_back_, 0);
  }
  // Held back and not yet told of by a later line.
  [[nodiscard]] std::size_t held_back() const { return held_back_; }

 private:
  unsigned left_;
  Seconds interval_;
  Seconds last_ = 0;
  std::size_t held_back_ = 0;
};

}  // namespace fittest::report
