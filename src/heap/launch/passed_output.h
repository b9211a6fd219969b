#pragma once
#include <string>
#include <string_view>

#include "core/descriptor.h"
#include "core/error.h"
#include "core/ids.h"
#include "report/output.h"

namespace fittest::heap {

// A terminal that a program's output and a block of our own share: the output scrolls above, the block stays below. A
// half line of the program's waits for its end, or `kLongestHold` seconds, and then gets one. Does not own `fd`.
class PassedOutput {
 public:
  static constexpr Seconds kLongestHold = 2;

  explicit PassedOutput(int fd) : output_(fd) {}
  // Removes the block.
  ~PassedOutput() { finish(0); }
  PassedOutput(const PassedOutput&) = delete;
  PassedOutput& operator=(const PassedOutput&) = delete;

  // `now` counts seconds from anywhere.
  void pass(std::string_view bytes, Seconds now);
  // Whole lines, each with its end; "" removes it.
  void show(std::string block, Seconds now);
  // What waits is written, the block removed.
  void finish(Seconds now);

 private:
  void draw(std::string_view above);

  report::Output output_;
  std::string half_line_;
  Seconds half_since_ = 0;
  std::string block_;
  std::size_t drawn_lines_ = 0;
};

}  // namespace fittest::heap
