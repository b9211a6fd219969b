// Sections and tests: the functions of fittest/heap.h.
#include "heap/track/python_allocators.h"
#include "heap/track/state.h"
#include "heap/track/tracker.h"

namespace fittest::heap::track {

using trace::Mode;

namespace {

// Before a section or a test begins: the thread is known, its counts are everybody's, an interpreter is found.
void arrive(ThreadState& t) {
  notice_fork(t);
  enlist(t);
  look_for_python(t);
  flush(t);
}

// The highest of a section or test starts from what is held now.
void restart_test_peak() {
  state.totals.test_peak.store(state.totals.live.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

}  // namespace

int begin_section(const char* path, unsigned flags) {
  ThreadState& t = this_thread;
  const Inside inside(t);
  arrive(t);
  {
    const Locked locked(state.lock);
    if (state.section.open()) return EALREADY;
    const bool one_thread = (flags & FITTEST_HEAP_CURRENT_THREAD) != 0;
    trace::Header header{};
    fill_header(header, Mode::exact, 0);
    header.thread_only = one_thread ? t.tid : 0;
    header.counters = header.at_start = state.totals.counters();
    const int problem = state.section.begin(path, header, state.environment.limit);
    if (problem != 0) return problem;
    state.section_flags = flags;
    state.section_start = {};
    read_figures(state.section_start);
    restart_test_peak();
    state.section_thread.store(one_thread ? t.tid : kAnyThread, std::memory_order_relaxed);
    set_always_slow();
  }
  if ((flags & FITTEST_HEAP_PYTHON_ALLOCATORS) != 0) install_python_allocators();
  return 0;
}

int end_section(fittest_heap_figures* figures) {
  ThreadState& t = this_thread;
  const Inside inside(t);
  notice_fork(t);
  if ((state.section_flags & FITTEST_HEAP_PYTHON_ALLOCATORS) != 0) remove_python_allocators();
  flush(t);
  const Locked locked(state.lock);
  if (!state.section.open()) return ENODATA;
  if (figures != nullptr) read_figures(*figures);
  state.section_thread.store(0, std::memory_order_relaxed);
  state.section.end(state.totals.test_counters());
  state.section.abandon();
  state.section_flags = 0;
  state.section_start = {};
  set_always_slow();
  return 0;
}

// With the lock held or without: what belongs to the section is the caller's own to know.
void read_figures(fittest_heap_figures& figures) {
  ThreadState& t = this_thread;
  const Inside inside(t);
  if (t.listed) flush(t);
  const trace::Counters now = state.totals.test_counters();
  figures.live = now.live;
  figures.peak = now.peak;
  figures.allocated = now.allocated - state.section_start.allocated;
  figures.allocations = now.allocations - state.section_start.allocations;
  figures.frees = now.frees - state.section_start.frees;
  figures.mapped = now.mapped;
  figures.mapped_total = state.totals.mapped_ever.load(std::memory_order_relaxed) - state.section_start.mapped_total;
  figures.recorded = state.section.open() ? state.section.recorded() : 0;
  figures.lost = state.section.open() ? state.section.header().lost
                                      : (state.process_trace.open() ? state.process_trace.header().lost : 0);
}

void mark_test(const char* name) {
  ThreadState& t = this_thread;
  const Inside inside(t);
  arrive(t);
  const Locked locked(state.lock);
  if (state.section.open()) {  // a repetition within it; its peak goes on
    state.section.mark(name, state.totals.test_counters());
    return;
  }
  if (Recorder* trace = process_trace()) trace->mark(name, state.totals.test_counters());
  restart_test_peak();
}

}  // namespace fittest::heap::track
