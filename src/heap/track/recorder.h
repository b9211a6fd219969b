#pragma once
// Writes one trace: encodes what happened, after the definitions that it needs.
#include <cstdint>

#include "heap/trace/encode.h"
#include "heap/track/growing_table.h"
#include "heap/track/python_frames.h"
#include "heap/track/stack_key.h"
#include "heap/track/thread_state.h"
#include "heap/track/trace_file.h"

namespace fittest::heap::track {

// Not for several threads at once: the tracker's lock is held for every call.
class Recorder {
 public:
  constexpr Recorder() = default;
  // As TraceFile::create.
  int begin(const char* path, const trace::Header& header, std::uint64_t limit);
  // `counters`: as they are at the end. The header's memory stays until abandon(): others may be writing to it.
  void end(const trace::Counters& counters);
  // Lets go of the file's memory: after the end, or in a forked child.
  void abandon();

  [[nodiscard]] bool open() const { return file_.open(); }
  [[nodiscard]] trace::Header& header() { return file_.header(); }
  [[nodiscard]] std::uint64_t sequence() const { return file_.sequence(); }
  [[nodiscard]] std::uint64_t committed() const { return file_.committed(); }
  // Bytes asked for by what was recorded.
  [[nodiscard]] std::uint64_t recorded() const { return recorded_; }

  void alloc(trace::Kind kind, std::uintptr_t address, std::uint64_t size, bool sampled, std::uint32_t thread,
             const StackKey& stack);
  // `temporary`: its thread has allocated nothing since, which only a sampled trace has to be told.
  void free(std::uintptr_t address, bool python, bool temporary);
  void unmap(std::uintptr_t address, std::uint64_t bytes);
  void live(std::uint64_t most, std::uint64_t now);
  void counters(const trace::Counters& counters);
  void mark(const char* name, const trace::Counters& counters);
  void note(const char* key, const char* value);

 private:
  static constexpr std::size_t kMostStacks = std::size_t{1} << 22;
  static constexpr std::size_t kMostDefinitions = std::size_t{1} << 20;

  // Room for a record of `most` bytes, with the "previous" values right for where it will stand; null: it is lost.
  unsigned char* start(std::size_t most);
  void keep_time();
  // The number of the stack, defined now if it was not. False where that was not possible.
  bool define(const StackKey& stack, std::uint32_t& id);
  bool define_module(std::uintptr_t address);
  bool define_code(const PythonFrameRef& frame, std::uint32_t& id);

  TraceFile file_;
  GrowingTable<std::uint32_t> stacks_{kMostStacks};
  GrowingTable<std::uint32_t> codes_{kMostDefinitions};
  GrowingTable<std::uint32_t> modules_{kMostDefinitions};
  std::uint64_t recorded_ = 0;
  std::uint64_t started_ = 0;  // CLOCK_MONOTONIC, milliseconds
  std::uint64_t clock_ = 0;    // milliseconds last written
  std::uint32_t until_clock_ = 0;

  // As of the block.
  trace::Before before_;
  std::uint32_t thread_ = 0;

  // Room to work in, which the stack of a thread may not have.
  std::uint32_t code_ids_[kMostPythonFrames] = {};
  char name_[1024] = {};
  char path_[4096] = {};
};

// Milliseconds of a clock that only goes forward.
std::uint64_t milliseconds();

}  // namespace fittest::heap::track
