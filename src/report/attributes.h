#pragma once
#include <string>
#include <string_view>

namespace fittest::report {

// Follows the colours that a stream of bytes has switched on and not off again, so that fittest's own lines can stand
// between without taking them on or losing them. Sequences may come in pieces.
class Attributes {
 public:
  void feed(std::string_view bytes);
  // The sequences that lead from no colours to those that hold now; empty where none do.
  [[nodiscard]] const std::string& active() const { return active_; }

 private:
  void end_of_sequence();
  std::string active_;
  std::string sequence_;  // begun and not ended
};

}  // namespace fittest::report
