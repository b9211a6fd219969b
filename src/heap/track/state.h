#pragma once
// What the tracker's own files share: its state, and how a thread enters it. For hooks, see tracker.h.
#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "fittest/heap.h"
#include "heap/track/environment.h"
#include "heap/track/growing_table.h"
#include "heap/track/lock.h"
#include "heap/track/mappings.h"
#include "heap/track/recorder.h"
#include "heap/track/thread_state.h"
#include "heap/track/totals.h"

namespace fittest::heap::track {

// Made by the compiler: the library's start may come before or after any constructor.
struct State {
  static constexpr std::size_t kMostRecorded = std::size_t{1} << 23;  // sampled allocations alive at once

  Totals totals;
  // The header of the process's trace, for who watches the file; its memory stays once it was there.
  std::atomic<trace::Header*> shown{nullptr};
  // Which thread's allocations the open section wants: 0 none, kAnyThread all.
  std::atomic<std::uint32_t> section_thread{0};
  std::atomic<trace::Mode> mode{trace::Mode::count};
  double period = 0;  // of samples, in bytes
  std::uint32_t own_process = 0;
  // One word that a forked child finds zeroed, however it was forked (MADV_WIPEONFORK).
  std::uint32_t* same_process = nullptr;
  bool set_up = false;
  pthread_key_t thread_end{};
  Environment environment;
  CarriedEnvironment carried;

  // Guards what follows.
  Lock lock;
  ThreadState* threads = nullptr;
  Recorder process_trace;
  bool trace_due = false;  // a forked child that follows has not begun its file yet
  trace::Header due_header{};
  Recorder section;
  unsigned section_flags = 0;
  fittest_heap_figures section_start{};
  GrowingTable<std::uint64_t, ByNeighbourhood> recorded{kMostRecorded};  // by address; what recorded_value() gives
  Mappings mappings;
};
inline constexpr std::uint32_t kAnyThread = UINT32_MAX;
extern constinit State state __attribute__((visibility("hidden")));

// The tracker is at work in this thread: what it allocates, or a signal's handler, is counted and not recorded.
class Inside {
 public:
  explicit Inside(ThreadState& thread) : thread_(thread) { ++thread_.inside; }
  ~Inside() { --thread_.inside; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  ThreadState& thread_;
};

// Enters the thread in the list if it is not there.
void enlist(ThreadState& thread);
// The destructor of `thread_end`: `data` is the thread's state.
void thread_ends(void* data);
// Adds the thread's counts to everybody's.
void flush(ThreadState& thread);
// Sets the thread's countdown anew: to the next flush, or the next sample if that is nearer.
void rearm(ThreadState& thread);

// A clone() by hand runs no handlers: seen by the word that the kernel wiped.
void after_fork_in_child(ThreadState& thread);
inline void notice_fork(ThreadState& thread) {
  if (state.same_process != nullptr && *state.same_process == 0) [[unlikely]]
    after_fork_in_child(thread);
}
void register_fork_handlers();

void fill_header(trace::Header& header, trace::Mode how, std::uint64_t period);
// Begins the trace whose header is due_header, at the first thing that there is to record. Lock held.
void begin_due_trace();
// The process's trace, begun if it is due; null where there is none. Lock held.
inline Recorder* process_trace() {
  if (state.trace_due) begin_due_trace();
  return state.process_trace.open() ? &state.process_trace : nullptr;
}
void set_always_slow();
// Looks for an interpreter that was loaded since.
void look_for_python(ThreadState& thread);

}  // namespace fittest::heap::track
