#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/error.h"

namespace fittest::heap {

// Where the traces of a process and, if they are followed, of those it starts go: `prefix`.PID.heap, with ".N" behind
// the PID where that one was there already (a process that executed another program in its own place begins a new one).
class Traces {
 public:
  // `prefix` is made absolute. Errors: its folder is not there, or not to be written to.
  static Result<Traces> below(const std::filesystem::path& prefix);

  [[nodiscard]] const std::filesystem::path& prefix() const { return prefix_; }
  // Those of process `pid` that were begun since below() was called, in the order in which they were begun.
  [[nodiscard]] std::vector<std::filesystem::path> of(std::uint32_t pid) const;
  // All that were begun since then.
  [[nodiscard]] std::vector<std::filesystem::path> all() const;

 private:
  std::filesystem::path prefix_;
  std::uint64_t since_ = 0;  // wall clock, nanoseconds since 1970
};

// Whether the file begins like a trace: false too where it cannot be read.
bool is_trace(const std::filesystem::path& file);

}  // namespace fittest::heap
