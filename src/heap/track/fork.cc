// Forks: a child counts on from what its parent held, and goes on in a file of its own where it is followed.
#include "heap/track/objects.h"
#include "heap/track/python_objects.h"
#include "heap/track/state.h"

namespace fittest::heap::track {

using trace::Mode;

// The only thread there is.
void after_fork_in_child(ThreadState& t) {
  *state.same_process = 1;
  state.own_process = process_id();
  state.lock.make_new();
  renew_objects_lock();
  abandon_python_objects();
  // Other threads are gone, what they had counted is still held.
  for (ThreadState* other = state.threads; other != nullptr; other = other->next) {
    if (other != &t) state.totals.live.fetch_add(other->delta(), std::memory_order_relaxed);
  }
  state.threads = nullptr;
  t.next = t.previous = nullptr;
  t.listed = false;
  state.totals.threads.store(0, std::memory_order_relaxed);
  const bool traced = state.process_trace.open() || state.trace_due;
  if (traced && state.environment.follow) {
    trace::Header& due = state.due_header;
    if (state.process_trace.open()) {
      due = state.process_trace.header();
      due.parent_process = due.process;
      due.parent_sequence = state.process_trace.sequence();
      due.parent_committed = state.process_trace.committed();
    }
    const auto how = static_cast<Mode>(due.mode);
    const auto period = due.period;
    fill_header(due, how, period);
    due.lost = 0;
    due.ended = 0;
    state.trace_due = true;
  } else {
    state.trace_due = false;
    state.mode.store(Mode::count, std::memory_order_relaxed);
  }
  state.shown.store(nullptr, std::memory_order_relaxed);
  state.section_thread.store(0, std::memory_order_relaxed);
  state.process_trace.abandon();
  state.section.abandon();
  enlist(t);
  flush(t);
  state.due_header.counters = state.due_header.at_start = state.totals.counters();
  set_always_slow();
}

namespace {

void before_fork() {
  ++this_thread.inside;
  state.lock.lock();
}

void after_fork_in_parent() {
  state.lock.unlock();
  --this_thread.inside;
}

void after_announced_fork() {
  after_fork_in_child(this_thread);
  --this_thread.inside;
}

}  // namespace

void register_fork_handlers() {
  ::pthread_atfork(before_fork, after_fork_in_parent, after_announced_fork);
}

}  // namespace fittest::heap::track
