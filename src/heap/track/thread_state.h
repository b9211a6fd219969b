#pragma once
// What a thread counts by itself, so that counting takes no lock.
#include <cstddef>
#include <cstdint>

#include "heap/track/random.h"

namespace fittest::heap::track {

// After as many bytes allocated, or freed more than allocated, a thread adds its own counts to everybody's. Half of the
// 64 KiB that a thread may be off, because allocations take up to their rounding more than is counted down.
inline constexpr std::int64_t kQuantum = std::int64_t{32} << 10;

inline constexpr std::size_t kMostNativeFrames = 1024;

// Bytes and how many times, in one word, so that counting is one addition: the upper 16 bits are a number, which
// between two flushes stays below 65,536 because each time counts down, or off, 24 bytes and more.
namespace tally {
inline constexpr int kShift = 48;
inline std::uint64_t one(std::size_t bytes) {
  return bytes + (std::uint64_t{1} << kShift);
}
inline std::uint64_t bytes(std::uint64_t tally) {
  return tally & ((std::uint64_t{1} << kShift) - 1);
}
inline std::uint64_t times(std::uint64_t tally) {
  return tally >> kShift;
}
// Bytes of one less bytes of the other, times 2^16: as it comes out, with its sign.
inline std::int64_t shifted_difference(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::int64_t>((a - b) << (64 - kShift));
}
inline constexpr std::int64_t shifted(std::int64_t bytes) {
  return bytes * (std::int64_t{1} << (64 - kShift));
}
inline constexpr std::int64_t unshifted(std::int64_t value) {
  return value >> (64 - kShift);
}
}  // namespace tally

// All zero at the start of a thread: its first allocation or free takes the slow way, which enters it in the list. What
// every allocation and free counts is in one line of the processor's cache.
struct alignas(64) ThreadState {
  std::uint64_t gained;      // Tally of what was allocated since the last flush
  std::uint64_t given_back;  // and of what was freed
  std::int64_t high;         // the most that shifted_delta() was since then
  std::int64_t low;          // below this, it is flushed
  std::int64_t countdown;    // bytes until the slow way is taken: by a flush, or by a sample

  std::uint64_t flushed_allocations;  // of this thread, before the last flush
  std::int64_t countdown_from;        // what countdown was set to
  std::int64_t to_sample;             // bytes until the next sample, as of that moment
  std::int64_t quantum;               // kQuantum; 0 before the first flush and while the thread ends
  Random random;
  std::uint32_t tid;
  std::uint32_t inside;        // the tracker itself is at work: what it allocates is not recorded
  std::uintptr_t stack_begin;  // pages of the thread's stack that are known to be readable
  std::uintptr_t stack_end;
  std::uintptr_t* native;  // room of kWalkRoom bytes: native frames, then Python's; made when first needed
  void* python;
  ThreadState* next;  // in the list of threads
  ThreadState* previous;
  bool listed;
  bool ended;  // its end was told: never to be listed again, as what is listed must outlive its memory

  // Bytes allocated less bytes freed since the last flush, times 2^16.
  [[nodiscard]] std::int64_t shifted_delta() const { return tally::shifted_difference(gained, given_back); }
  [[nodiscard]] std::int64_t delta() const { return tally::unshifted(shifted_delta()); }
};

// Known to need no start-up, so that reaching it is one instruction.
extern constinit thread_local ThreadState this_thread __attribute__((tls_model("initial-exec"), visibility("hidden")));

// For a call of the C library's that allocates on the tracker's behalf: what this thread counts meanwhile is forgotten.
// Nothing may be flushed meanwhile.
class Uncounted {
 public:
  explicit Uncounted(ThreadState& thread) : thread_(thread), before_(thread) {}
  ~Uncounted() {
    thread_.gained = before_.gained;
    thread_.given_back = before_.given_back;
    thread_.high = before_.high;
    thread_.countdown = before_.countdown;
  }
  Uncounted(const Uncounted&) = delete;
  Uncounted& operator=(const Uncounted&) = delete;

 private:
  ThreadState& thread_;
  ThreadState before_;
};

}  // namespace fittest::heap::track
