// Threads: their list, their counts, their end.
#include "heap/track/stack_key.h"
#include "heap/track/state.h"

namespace fittest::heap::track {

constinit thread_local ThreadState this_thread __attribute__((tls_model("initial-exec"))) = {};

void rearm(ThreadState& t) {
  const bool sampling = state.mode.load(std::memory_order_relaxed) == trace::Mode::sample;
  t.countdown_from = sampling && t.to_sample < t.quantum ? t.to_sample : t.quantum;
  t.countdown = t.countdown_from;
}

void flush(ThreadState& t) {
  Totals& totals = state.totals;
  if (state.mode.load(std::memory_order_relaxed) == trace::Mode::sample) t.to_sample -= t.countdown_from - t.countdown;
  const std::int64_t before = totals.live.fetch_add(t.delta(), std::memory_order_relaxed);
  totals.raise_peaks(before + tally::unshifted(t.high));
  totals.allocated.fetch_add(tally::bytes(t.gained), std::memory_order_relaxed);
  totals.allocations.fetch_add(tally::times(t.gained), std::memory_order_relaxed);
  totals.frees.fetch_add(tally::times(t.given_back), std::memory_order_relaxed);
  t.flushed_allocations += tally::times(t.gained);
  t.gained = t.given_back = 0;
  t.high = 0;
  t.low = tally::shifted(-t.quantum);
  rearm(t);
  // Threads may write over each other here: each writes what it just read.
  if (trace::Header* shown = state.shown.load(std::memory_order_relaxed)) shown->counters = totals.counters();
}

namespace {

void leave_list(ThreadState& t) {
  if (!t.listed) return;
  if (t.previous != nullptr) t.previous->next = t.next;
  if (t.next != nullptr) t.next->previous = t.previous;
  if (state.threads == &t) state.threads = t.next;
  t.next = t.previous = nullptr;
  t.listed = false;
}

}  // namespace

// The thread ends. What other destructors, and the C library after the last of them, still free and allocate is flushed
// at once.
void thread_ends(void* data) {
  auto& t = *static_cast<ThreadState*>(data);
  const Inside inside(t);
  t.quantum = 0;
  t.ended = true;
  flush(t);
  const Locked locked(state.lock);
  leave_list(t);
  state.totals.threads.fetch_sub(1, std::memory_order_relaxed);
  unmap_pages(t.native, kWalkRoom);
  t.native = nullptr;
  t.python = nullptr;
}

void enlist(ThreadState& t) {
  if (t.listed || t.ended || !state.set_up) return;
  t.tid = thread_id();
  t.quantum = kQuantum;
  t.random.state = mixed(t.tid - state.own_process + 1);
  t.to_sample = state.period > 0 ? t.random.exponential(state.period) : 0;
  t.countdown_from = t.countdown;  // what was counted before belongs to no sample
  {
    const Locked locked(state.lock);
    t.next = state.threads;
    if (state.threads != nullptr) state.threads->previous = &t;
    state.threads = &t;
    t.listed = true;
  }
  Totals& totals = state.totals;
  Totals::raise(totals.most_threads, totals.threads.fetch_add(1, std::memory_order_relaxed) + 1);
  // Allocates only for the 33rd key and later ones; keys are numbered from the start of the process.
  ::pthread_setspecific(state.thread_end, &t);
}

}  // namespace fittest::heap::track
