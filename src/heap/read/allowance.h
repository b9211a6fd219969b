#pragma once
#include <cstdint>

namespace fittest::heap {

// How much memory reading a trace may take. A trace can be garbage that asks for any amount: what grows with it asks
// here first, and reading ends where it gets none.
class Allowance {
 public:
  explicit Allowance(std::uint64_t bytes) : left_(bytes) {}
  [[nodiscard]] bool take(std::uint64_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }
  void give_back(std::uint64_t bytes) { left_ += bytes; }

 private:
  std::uint64_t left_;
};

}  // namespace fittest::heap
