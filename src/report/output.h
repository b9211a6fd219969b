#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace fittest::report {

// Bytes on their way to a descriptor somebody else may read slowly, or never. What watches over memory must not stop
// because a terminal was paused with Ctrl-S: up to `kMostWaiting` bytes wait here, only then does write() wait too, as
// every program would. A descriptor nobody reads any more (EPIPE, and all that is like it) swallows everything from
// then on; no SIGPIPE is ever raised. Not thread-safe. Does not own the descriptor.
class Output {
 public:
  static constexpr std::size_t kMostWaiting = 1 << 20;

  explicit Output(int fd) : fd_(fd) {}
  ~Output() { flush(); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::string_view bytes);
  void pump();   // writes what can be written now
  void flush();  // waits until everything is written
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size() - sent_; }

 private:
  enum class Wait { no, yes };
  // False when nothing can be written now.
  bool write_some(Wait wait);
  void drain_to(std::size_t most, Wait wait);

  int fd_;
  std::string waiting_;
  std::size_t sent_ = 0;
  bool broken_ = false;
};

}  // namespace fittest::report
