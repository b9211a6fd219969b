#pragma once
// The file of a trace while it is written: header and tail in memory shared with it, full blocks behind them.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "heap/trace/format.h"

namespace fittest::heap::track {

// Not for several threads at once; the caller has a lock. Holds no descriptor between calls, because a program may
// close any number it likes and use it for something else: the file is opened by its path for every block.
class TraceFile {
 public:
  static constexpr std::size_t kMostPath = 1024;

  // Makes the file, which must not be there. `limit`: bytes that it may grow to. 0, or an errno value.
  int create(const char* path, const trace::Header& header, std::size_t tail_capacity, std::uint64_t limit);
  // Ends it: the last block stays where it is, in the tail, and header() in memory.
  void close();
  // Lets go of the memory; in a forked child, of what is the parent's.
  void abandon();
  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] trace::Header& header() { return *header_; }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  [[nodiscard]] std::uint64_t committed() const { return used_; }

  // Room for a record of up to `most` bytes, or null where the file cannot take more. Starts a new block where the old
  // one is full, which forgets the "previous" values of records: see new_block().
  unsigned char* room(std::size_t most) {
    if (used_ + most > capacity_ && !next_block()) return nullptr;
    return data_ + used_;
  }
  // The record written at room() ends before `end`.
  void commit(const unsigned char* end);
  // Whether a block was begun since the last call.
  bool new_block() {
    const bool fresh = fresh_;
    fresh_ = false;
    return fresh;
  }

 private:
  bool next_block();

  trace::Header* header_ = nullptr;
  trace::TailHeader* tail_ = nullptr;
  unsigned char* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t end_ = 0;  // of the file: where the next block goes
  std::uint64_t limit_ = 0;
  bool fresh_ = true;
  bool full_ = false;
  bool open_ = false;
  char path_[kMostPath] = {};
};

}  // namespace fittest::heap::track
