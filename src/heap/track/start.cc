// The start of the library in a process, and its end.
#include <dlfcn.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <ctime>

#include "heap/track/python_frames.h"
#include "heap/track/python_layout.h"
#include "heap/track/real.h"
#include "heap/track/state.h"
#include "heap/track/tracker.h"

namespace fittest::heap::track {

using trace::Mode;

constinit State state;

void fill_header(trace::Header& header, Mode how, std::uint64_t period) {
  std::memcpy(header.magic, trace::kMagic, sizeof header.magic);
  header.version = trace::kVersion;
  header.mode = static_cast<std::uint32_t>(how);
  header.process = state.own_process;
  header.period = period;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  header.started = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
  header.page_size = kPage;
  const long got = system_call(SYS_readlink, reinterpret_cast<long>("/proc/self/exe"),
                               reinterpret_cast<long>(header.program), sizeof header.program - 1);
  header.program[failed(got) ? 0 : got] = '\0';
}

void begin_due_trace() {
  state.trace_due = false;
  char path[TraceFile::kMostPath];
  for (unsigned attempt = 0; attempt < 100; ++attempt) {
    if (!state.environment.trace_path(process_id(), attempt, path, sizeof path)) return;
    const int problem = state.process_trace.begin(path, state.due_header, state.environment.limit);
    if (problem == EEXIST) continue;
    if (problem == 0) {
      state.shown.store(&state.process_trace.header(), std::memory_order_relaxed);
    } else {
      state.mode.store(Mode::count, std::memory_order_relaxed);
    }
    return;
  }
}

void look_for_python(ThreadState& t) {
  if (python() != nullptr) return;
  const Uncounted uncounted(t);  // dlsym allocates where it finds nothing
  find_python(RTLD_DEFAULT);
}

namespace {

// The name of an allocator by a function that only it has, or null.
const char* name_of_allocator() {
  struct Sign {
    const char* function;
    const char* name;
  };
  for (const Sign sign : {Sign{"mallctl", "jemalloc"}, Sign{"je_mallctl", "jemalloc"}, Sign{"mi_version", "mimalloc"},
                          Sign{"tc_version", "tcmalloc"}, Sign{"MallocExtension_GetNumericProperty", "tcmalloc"},
                          Sign{"scalable_malloc", "tbbmalloc"}}) {
    if (::dlsym(RTLD_DEFAULT, sign.function) != nullptr) return sign.name;
  }
  return nullptr;
}

void say_allocator() {
  const Uncounted uncounted(this_thread);
  const char* const name = name_of_allocator();
  if (::dlsym(RTLD_DEFAULT, "malloc") != reinterpret_cast<void*>(&::malloc)) {
    // The program's own definitions come before a preloaded library's.
    state.process_trace.note("unseen", name != nullptr ? name : "an allocator of the program's own");
  } else if (!glibc_chunks) {
    state.process_trace.note("allocator", name != nullptr ? name : "not glibc's");
  }
}

// The program is about to start; what was allocated up to here was counted.
[[gnu::constructor]] void start() {
  ThreadState& t = this_thread;
  const Inside inside(t);
  find_real();
  state.environment = read_environment();
  state.own_process = process_id();
  state.same_process = static_cast<std::uint32_t*>(map_pages(kPage));
  if (state.same_process == nullptr || ::pthread_key_create(&state.thread_end, thread_ends) != 0) return;
  *state.same_process = 1;
  // Before Linux 4.14 the page is not wiped, and only announced forks are noticed.
  system_call(SYS_madvise, reinterpret_cast<long>(state.same_process), static_cast<long>(kPage), MADV_WIPEONFORK);
  register_fork_handlers();
  look_for_python(t);
  state.set_up = true;
  const bool traced = state.environment.output[0] != '\0';
  const Mode mode = traced ? state.environment.mode : Mode::count;
  state.mode.store(mode, std::memory_order_relaxed);
  state.period = mode == Mode::sample ? static_cast<double>(state.environment.period) : 0;
  enlist(t);
  flush(t);
  if (traced) {
    fill_header(state.due_header, mode, mode == Mode::sample ? state.environment.period : 0);
    state.due_header.counters = state.due_header.at_start = state.totals.counters();
    const Locked locked(state.lock);
    begin_due_trace();
    if (state.process_trace.open()) say_allocator();
  }
  set_always_slow();
  if (!state.environment.follow_exec) {
    state.carried.keep();
    clean_environment();
  }
}

// Late in exit(): what is alive now is what the program left.
[[gnu::destructor]] void stop() {
  finish();
}

}  // namespace

void finish() {
  ThreadState& t = this_thread;
  // A child of vfork has its parent's memory and is not the parent.
  if (process_id() != state.own_process) return;
  const Inside inside(t);
  notice_fork(t);
  enlist(t);
  flush(t);
  const Locked locked(state.lock);
  if (Recorder* trace = process_trace()) trace->end(state.totals.counters());
  state.mode.store(Mode::count, std::memory_order_relaxed);
  set_always_slow();
}

bool carry_environment(const char* path, char* const* environment, char** into, std::size_t capacity, char* text,
                       std::size_t text_size) {
  if (process_id() != state.own_process) return false;
  ThreadState& t = this_thread;
  const Inside inside(t);
  flush(t);
  const Locked locked(state.lock);
  if (!state.process_trace.open()) return false;
  state.process_trace.counters(state.totals.counters());
  state.process_trace.note("exec", path);
  return state.carried.extend(environment, into, capacity, text, text_size);
}

}  // namespace fittest::heap::track
