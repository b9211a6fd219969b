#pragma once
// What is counted and recorded of the process. The hooks (hooks.cc) count in the thread's own state and come here when
// that state says so; everything here may be called from inside malloc, in any thread.
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "fittest/heap.h"
#include "heap/trace/format.h"
#include "heap/track/address_filter.h"
#include "heap/track/real.h"
#include "heap/track/thread_state.h"

namespace fittest::heap::track {

// A free takes the slow way if the filter says that its address may be a recorded one.
extern AddressFilter recorded_filter __attribute__((visibility("hidden")));

// The slow ways. `size`: asked for; the thread has counted it already.
void allocated_slowly(ThreadState& thread, void* at, std::size_t size);
void freed_slowly(ThreadState& thread, void* at);
// The same where always_slow is not 0, for what is not counted yet.
void freed_always_slowly(void* at);

inline std::int64_t counted_down(std::size_t size) {
  return static_cast<std::int64_t>(size + trace::kSampledExtra);
}

inline void add_allocation(ThreadState& t, std::size_t got) {
  t.gained += tally::one(got);
  const std::int64_t now = t.shifted_delta();
  t.high = now > t.high ? now : t.high;
}

inline void take_free(ThreadState& t, std::size_t got) {
  t.given_back += tally::one(got);
}

inline bool all_recorded() {
  return (always_slow.load(std::memory_order_relaxed) & kAllRecorded) != 0;
}

// Counts what is there at `at` (not null) and counted down already.
inline void count_allocation(ThreadState& t, void* at, std::size_t size) {
  add_allocation(t, from_bootstrap(at) ? 0 : usable(at));
  if (t.countdown < 0 || all_recorded()) allocated_slowly(t, at, size);
}

template <typename Make>
[[gnu::noinline]] void* allocate_slowly(std::size_t size, Make make) {
  ThreadState& t = this_thread;
  void* const at = make();
  if (at != nullptr) {
    count_allocation(t, at, size);
  } else {
    t.countdown += counted_down(size);
  }
  return at;
}

// Makes one allocation of `size` bytes by `make`, and counts it. Whether it takes the slow way is known before, so that
// there is nothing to keep over the call.
template <typename Make>
[[gnu::always_inline]] inline void* allocate(std::size_t size, Make make) {
  ThreadState& t = this_thread;
  t.countdown -= counted_down(size);
  if (__builtin_expect(t.countdown < 0 || always_slow.load(std::memory_order_relaxed) != 0, 0)) {
    return allocate_slowly(size, make);
  }
  void* const at = make();
  if (__builtin_expect(at != nullptr, 1)) add_allocation(t, chunk_size(at));
  return at;
}

// Counts the free of `at` (not null), which has not happened yet.
[[gnu::always_inline]] inline void count_free(void* at) {
  if (__builtin_expect(always_slow.load(std::memory_order_relaxed) != 0, 0)) return freed_always_slowly(at);
  ThreadState& t = this_thread;
  take_free(t, chunk_size(at));
  if (__builtin_expect(t.shifted_delta() < t.low, 0)) return freed_slowly(t, at);
  if (__builtin_expect(recorded_filter.may_hold(at), 0)) freed_slowly(t, at);
}

// Anonymous memory that the program mapped, and what it unmapped: after the one, before the other.
void mapped(std::uintptr_t at, std::size_t size, trace::Kind kind);
void unmapped(std::uintptr_t at, std::size_t size);
bool is_counted_mapping(std::uintptr_t at);

// The process goes without ending (_exit): as the destructor of the library does.
void finish();
// The process is about to become the program `path`: where it is traced, and would not be after that, puts what is
// needed into its environment. As CarriedEnvironment::extend.
bool carry_environment(const char* path, char* const* environment, char** into, std::size_t capacity, char* text,
                       std::size_t text_size);

// The functions of fittest/heap.h.
int begin_section(const char* path, unsigned flags);
int end_section(fittest_heap_figures* figures);
void read_figures(fittest_heap_figures& figures);
void mark_test(const char* name);

}  // namespace fittest::heap::track
