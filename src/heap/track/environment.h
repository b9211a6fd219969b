#pragma once
// What the process was told by its environment, read once when the library starts.
#include <cstddef>
#include <cstdint>

#include "heap/trace/format.h"
#include "heap/track/trace_file.h"

namespace fittest::heap::track {

// FITTEST_HEAP_OUTPUT   where traces go: PREFIX.PID.heap; without it nothing is written but what sections are told
// FITTEST_HEAP_MODE     count, sample (the default) or exact
// FITTEST_HEAP_PERIOD   mean bytes between samples
// FITTEST_HEAP_FOLLOW   none (the default): children are not traced; fork: those forked are; exec: those that execute
//                       another program too
// FITTEST_HEAP_LIMIT    bytes that a trace may grow to
struct Environment {
  char output[TraceFile::kMostPath] = {};  // absolute; "": none
  trace::Mode mode = trace::Mode::sample;
  std::uint64_t period = kDefaultPeriod;
  std::uint64_t limit = std::uint64_t{8} << 30;
  bool follow = false;  // forked children
  bool follow_exec = false;

  static constexpr std::uint64_t kDefaultPeriod = std::uint64_t{64} << 10;

  // The path for process `pid`, with ".ATTEMPT" where that is not 0. False where it does not fit.
  bool trace_path(std::uint32_t pid, unsigned attempt, char* into, std::size_t capacity) const;
};

Environment read_environment();

// Takes what read_environment() reads, and this library's own name in LD_PRELOAD, out of the environment, so that the
// program does not see them and its children do not get them.
void clean_environment();

// What a process needs in its environment to go on being traced when it executes another program in its own place:
// copies of what clean_environment() takes out. `entries` may be more than `capacity`: then nothing is carried.
class CarriedEnvironment {
 public:
  // Before clean_environment().
  void keep();
  // The entries of `environment` with the kept ones, for execve: in `into`, of `capacity` entries, the text of
  // LD_PRELOAD in `text`. False where it does not fit or nothing was kept.
  bool extend(char* const* environment, char** into, std::size_t capacity, char* text, std::size_t text_size) const;

 private:
  static constexpr std::size_t kMost = 6;
  char kept_[kMost][TraceFile::kMostPath] = {};
  std::size_t count_ = 0;
  char library_[TraceFile::kMostPath] = {};  // as LD_PRELOAD named it
};

}  // namespace fittest::heap::track
