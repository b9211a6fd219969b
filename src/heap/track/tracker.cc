// The slow ways: what happens when a thread's own counts say that it is time.
#include "heap/track/tracker.h"

#include "heap/track/python_allocators.h"
#include "heap/track/python_frames.h"
#include "heap/track/stack_key.h"
#include "heap/track/state.h"
#include "heap/track/unwind.h"

namespace fittest::heap::track {

using trace::Kind;
using trace::Mode;

constinit AddressFilter recorded_filter = {};

namespace {

Mode mode() {
  return state.mode.load(std::memory_order_relaxed);
}

// Whether a visit enters the thread in the list. Freeing does not (what an unlisted thread frees is flushed at once): a
// thread that dies frees the stacks of others after the last destructor, when nobody would take it from the list again.
enum class Enters { list, nothing };

// A thread at work in the tracker: enters it, or finds that it is there already, and keeps errno.
class Visit {
 public:
  explicit Visit(ThreadState& t, Enters enters = Enters::list) : thread_(t), kept_errno_(errno) {
    ++t.inside;
    notice_fork(t);
    if (enters == Enters::list) enlist(t);
  }
  ~Visit() {
    --thread_.inside;
    errno = kept_errno_;
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

 private:
  ThreadState& thread_;
  int kept_errno_;
};

StackKey walk(ThreadState& t) {
  StackKey stack;
  if (t.ended) {  // its room is gone, and would not be given back again
    stack.make_hash();
    return stack;
  }
  if (t.native == nullptr) {
    t.native = static_cast<std::uintptr_t*>(map_pages(kWalkRoom));
    if (t.native == nullptr) return stack;
    t.python = t.native + kMostNativeFrames;
  }
  stack.native = t.native;
  stack.native_count = walk_stack(t, t.native, kMostNativeFrames);
  auto* const python = static_cast<PythonFrameRef*>(t.python);
  stack.python = python;
  stack.python_count = walk_python(python, kMostPythonFrames);
  stack.make_hash();
  return stack;
}

// Whether the open section wants what this thread allocates. Memory that one of Python's allocators gets while these
// are recorded holds what is recorded already.
bool section_wants(const ThreadState& t) {
  const std::uint32_t wanted = state.section_thread.load(std::memory_order_relaxed);
  if (wanted != kAnyThread && (wanted == 0 || wanted != t.tid)) return false;
  return (state.section_flags & FITTEST_HEAP_PYTHON_ALLOCATORS) == 0 || python_allocator_depth == 0;
}

// By it, a free knows whether its thread has allocated since.
std::uint64_t recorded_value(const ThreadState& t) {
  return std::uint64_t{t.tid} << 40 ^ (t.flushed_allocations + tally::times(t.gained));
}

// For the reader of a sampled trace, which cannot know by itself when most was held: after the allocation it is about.
void say_live(Recorder& trace) {
  const std::int64_t now = state.totals.live.load(std::memory_order_relaxed);
  trace.live(not_negative(state.totals.recent_peak.load(std::memory_order_relaxed)), not_negative(now));
  state.totals.recent_peak.store(now, std::memory_order_relaxed);
}

// In a sampled trace only frees of what was recorded are written: it has to be known then. Lock held.
bool remember(const ThreadState& t, Recorder& trace, std::uintptr_t at) {
  if (!state.recorded.insert(at, recorded_value(t))) {
    ++trace.header().lost;
    return false;
  }
  recorded_filter.add(reinterpret_cast<void*>(at));
  return true;
}

// Records one allocation, in the process's trace and in the section, or in one of them.
void record(ThreadState& t, Kind kind, std::uintptr_t at, std::size_t size, bool in_trace, bool in_section,
            bool sampled) {
  const StackKey stack = walk(t);
  const Locked locked(state.lock);
  if (in_trace) {
    if (Recorder* trace = process_trace()) {
      const bool sampling = mode() == Mode::sample;
      if (!sampling || kind != Kind::heap || remember(t, *trace, at)) {
        trace->alloc(kind, at, size, sampled, t.tid, stack);
      }
      if (sampling) say_live(*trace);
    }
  }
  if (in_section && state.section.open()) state.section.alloc(kind, at, size, false, t.tid, stack);
}

}  // namespace

void set_always_slow() {
  const bool all = (mode() == Mode::exact && (state.process_trace.open() || state.trace_due)) || state.section.open();
  always_slow.store((all ? kAllRecorded : 0U) | (glibc_chunks ? 0U : kUnknownChunks), std::memory_order_relaxed);
}

[[gnu::noinline]] void allocated_slowly(ThreadState& t, void* at, std::size_t size) {
  if (t.inside != 0) return;
  const Visit visit(t);
  const bool all = all_recorded();
  bool in_trace = mode() == Mode::exact, sampled = false;
  if (mode() == Mode::sample) {
    if (size >= trace::kAlwaysRecorded) {
      t.countdown += counted_down(size);  // it takes no part in the sampling
      in_trace = true;
    } else if (t.to_sample < t.countdown_from - t.countdown) {
      in_trace = sampled = true;
    }
  }
  // What goes into a sampled trace is flushed first, so that the trace knows what was live.
  const std::int64_t delta = t.delta();
  if (!all || t.countdown < 0 || delta > kQuantum || delta < -kQuantum || (in_trace && mode() == Mode::sample)) {
    flush(t);
    if (sampled) {
      t.to_sample = t.random.exponential(state.period);
      rearm(t);
    }
  }
  const bool in_section = all && section_wants(t);
  if (in_trace || in_section) {
    record(t, Kind::heap, reinterpret_cast<std::uintptr_t>(at), size, in_trace, in_section, sampled);
  }
}

[[gnu::noinline]] void freed_slowly(ThreadState& t, void* at) {
  if (t.inside != 0) return;
  const Visit visit(t, Enters::nothing);
  if (t.shifted_delta() < t.low || t.quantum == 0) flush(t);
  const auto address = reinterpret_cast<std::uintptr_t>(at);
  if (!all_recorded() && !recorded_filter.may_hold(at)) return;
  const Locked locked(state.lock);
  if (mode() == Mode::exact) {
    if (Recorder* trace = process_trace()) trace->free(address, false, false);
  } else if (std::uint64_t value = 0; state.recorded.take(address, value)) {
    recorded_filter.remove(at);
    if (Recorder* trace = process_trace()) trace->free(address, false, value == recorded_value(t));
  }
  if (state.section.open()) state.section.free(address, false, false);
}

[[gnu::noinline]] void freed_always_slowly(void* at) {
  ThreadState& t = this_thread;
  take_free(t, usable(at));
  freed_slowly(t, at);
}

void mapped(std::uintptr_t at, std::size_t size, Kind kind) {
  ThreadState& t = this_thread;
  if (t.inside != 0 || size == 0) return;
  const Visit visit(t);
  flush(t);
  std::uint64_t before = 0;
  {
    const Locked locked(state.lock);
    before = state.mappings.add(at, size);
  }
  Totals& totals = state.totals;
  const auto more = static_cast<std::int64_t>(size - before);
  totals.raise_peaks(totals.live.fetch_add(more, std::memory_order_relaxed) + more);
  totals.mapped.fetch_add(more, std::memory_order_relaxed);
  totals.mapped_ever.fetch_add(size, std::memory_order_relaxed);
  totals.mappings.fetch_add(1, std::memory_order_relaxed);
  const bool in_trace = mode() != Mode::count, in_section = section_wants(t);
  if (in_trace || in_section) record(t, kind, at, size, in_trace, in_section, false);
}

bool is_counted_mapping(std::uintptr_t at) {
  const Inside inside(this_thread);
  const Locked locked(state.lock);
  return state.mappings.holds(at);
}

void unmapped(std::uintptr_t at, std::size_t size) {
  ThreadState& t = this_thread;
  if (t.inside != 0 || size == 0) return;
  forget_stack(t, at, size);
  const Visit visit(t, Enters::nothing);
  flush(t);
  const Locked locked(state.lock);
  const auto gone = static_cast<std::int64_t>(state.mappings.remove(at, size));
  if (gone == 0) return;
  state.totals.live.fetch_sub(gone, std::memory_order_relaxed);
  state.totals.mapped.fetch_sub(gone, std::memory_order_relaxed);
  if (mode() != Mode::count) {
    if (Recorder* trace = process_trace()) trace->unmap(at, size);
  }
  if (state.section.open()) state.section.unmap(at, size);
}

void on_python_alloc(Kind kind, std::uintptr_t at, std::size_t size) {
  ThreadState& t = this_thread;
  if (t.inside != 0) return;
  const Visit visit(t);
  if (section_wants(t)) record(t, kind, at, size, false, true, false);
}

// What was held there is not known here, only to the reader of the trace: a realloc that fails loses its block from it.
std::size_t on_python_free(Kind, std::uintptr_t at) {
  ThreadState& t = this_thread;
  if (t.inside != 0) return 0;
  const Visit visit(t);
  const Locked locked(state.lock);
  if (state.section.open()) state.section.free(at, true, false);
  return 0;
}

}  // namespace fittest::heap::track
