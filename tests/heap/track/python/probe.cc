// A library to preload into interpreters: walks the Python frames on every n-th allocation (PROBE_EVERY), keeps
// those of allocations of a marked size, and offers what it includes to ctypes. Counts go to the file
// PROBE_REPORT when the process ends.
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "heap/track/python_allocators.h"
#include "heap/track/python_frames.h"
#include "heap/track/python_layout.h"

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* address, std::size_t size);
}

namespace {

using namespace fittest::heap::track;
namespace trace = fittest::heap::trace;

// Allocations of so many bytes are marked: their frames are kept for probe_kept().
constexpr std::size_t kMarkedFrom = 1'000'000;
constexpr std::size_t kMarkedTo = 1'001'000;

struct Kept {
  std::size_t count;
  PythonFrameRef frames[kMostPythonFrames];
  std::size_t text_size;
  char text[1 << 18];  // a line a frame: name, file, first line
};

[[gnu::tls_model("initial-exec")]] constinit thread_local bool inside = false;
[[gnu::tls_model("initial-exec")]] constinit thread_local Kept* kept = nullptr;

constinit std::atomic<std::uint64_t> calls{0};
constinit std::atomic<std::uint64_t> walks{0};
constinit std::atomic<std::uint64_t> walks_with_frames{0};
constinit std::atomic<std::uint64_t> frames_seen{0};
constinit std::atomic<std::uint64_t> nameless{0};
constinit std::atomic<std::uint64_t> touched{0};
constinit std::atomic<std::uint64_t> every{0};

// Reads all that can be read of a frame's code.
void touch(const PythonFrameRef& frame) {
  if (frame.code == 0) return;
  char name[256];
  char file[256];
  CodeText text{.name = name, .file = file};
  std::uint64_t sum = python_code_fingerprint(frame.code);
  if (!describe_python_code(frame.code, text) || text.name.empty() || text.file.empty()) {
    nameless.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  for (const unsigned char byte : text.line_table) sum += byte;
  touched.fetch_add(sum, std::memory_order_relaxed);
}

void keep(const PythonFrameRef* frames, std::size_t count) {
  if (!kept) kept = static_cast<Kept*>(__libc_malloc(sizeof(Kept)));
  if (!kept) return;
  kept->count = count;
  kept->text_size = 0;
  std::memcpy(kept->frames, frames, count * sizeof *frames);
  for (std::size_t i = 0; i < count; ++i) {
    if (frames[i].code == 0) continue;
    char name[256];
    char file[1024];
    CodeText text{.name = name, .file = file};
    if (!describe_python_code(frames[i].code, text)) continue;
    const int printed = std::snprintf(kept->text + kept->text_size, sizeof kept->text - kept->text_size,
                                      "%.*s\t%.*s\t%d\n", static_cast<int>(text.name.size()), text.name.data(),
                                      static_cast<int>(text.file.size()), text.file.data(), text.first_line);
    if (printed < 0 || static_cast<std::size_t>(printed) >= sizeof kept->text - kept->text_size) break;
    kept->text_size += static_cast<std::size_t>(printed);
  }
}

// What Python's allocators gave out and hold, as the tracker would keep it.
struct Held {
  std::uintptr_t address;  // 0: none
  std::size_t size;
  trace::Kind kind;
};
constexpr std::size_t kSlots = std::size_t{1} << 21;
constinit Held* held = nullptr;
constinit std::atomic_flag held_busy{};
struct PythonCounts {
  std::uint64_t allocated[3];  // by domain
  std::uint64_t bytes[3];
  std::uint64_t freed, unknown_frees;
  std::uint64_t twice;  // allocations at an address that was held
  std::uint64_t held;   // objects
  std::uint64_t held_bytes;
  std::uint64_t below;        // calls of malloc, calloc and realloc from inside of a hooked allocator
  std::uint64_t outside;      // and from elsewhere
  std::uint64_t with_frames;  // objects whose allocation had Python frames
};
constinit PythonCounts counts{};
constinit std::atomic<bool> counting{false};

struct HeldLock {
  HeldLock() {
    while (held_busy.test_and_set(std::memory_order_acquire)) {
    }
  }
  ~HeldLock() { held_busy.clear(std::memory_order_release); }
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;
};

std::size_t slot_of(std::uintptr_t address) {
  return (address * 0x9E3779B97F4A7C15U) >> 43;
}

Held* find_held(std::uintptr_t address) {
  std::size_t at = slot_of(address);
  while (held[at].address != 0 && held[at].address != address) at = (at + 1) % kSlots;
  return &held[at];
}

// Linear probing without tombstones: what follows moves up.
void erase(Held* entry) {
  auto hole = static_cast<std::size_t>(entry - held);
  for (std::size_t at = (hole + 1) % kSlots; held[at].address != 0; at = (at + 1) % kSlots) {
    const std::size_t home = slot_of(held[at].address);
    if ((at - home) % kSlots >= (at - hole) % kSlots) {
      held[hole] = held[at];
      hole = at;
    }
  }
  held[hole].address = 0;
}

void on_allocation(std::size_t size) {
  if (counting.load(std::memory_order_relaxed)) {
    __atomic_fetch_add(python_allocator_depth ? &counts.below : &counts.outside, 1, __ATOMIC_RELAXED);
  }
  const std::uint64_t nth = every.load(std::memory_order_relaxed);
  const bool marked = size >= kMarkedFrom && size < kMarkedTo;
  if ((nth == 0 && !marked) || inside) return;
  const std::uint64_t call = calls.fetch_add(1, std::memory_order_relaxed);
  if (!marked && call % nth != 0) return;
  inside = true;
  const int error = errno;
  PythonFrameRef frames[kMostPythonFrames];
  const std::size_t count = walk_python(frames, kMostPythonFrames);
  walks.fetch_add(1, std::memory_order_relaxed);
  frames_seen.fetch_add(count, std::memory_order_relaxed);
  if (count > 0) walks_with_frames.fetch_add(1, std::memory_order_relaxed);
  if (marked) {
    keep(frames, count);
  } else {
    for (std::size_t i = 0; i < count; ++i) touch(frames[i]);
  }
  errno = error;
  inside = false;
}

[[gnu::constructor]] void begin() {
  find_python(RTLD_DEFAULT);
  if (const char* text = std::getenv("PROBE_EVERY")) every = std::strtoull(text, nullptr, 10);
}

[[gnu::destructor]] void end() {
  const char* path = std::getenv("PROBE_REPORT");
  if (!path) return;
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) return;
  char line[200];
  const int size = std::snprintf(
      line, sizeof line, "walks %llu with_frames %llu frames %llu nameless %llu\n",
      static_cast<unsigned long long>(walks.load()), static_cast<unsigned long long>(walks_with_frames.load()),
      static_cast<unsigned long long>(frames_seen.load()), static_cast<unsigned long long>(nameless.load()));
  [[maybe_unused]] const auto written = write(file, line, static_cast<std::size_t>(size));
  close(file);
}

}  // namespace

namespace fittest::heap::track {

void on_python_alloc(trace::Kind kind, std::uintptr_t address, std::size_t size) {
  PythonFrameRef frames[kMostPythonFrames];
  const std::size_t n = walk_python(frames, kMostPythonFrames);
  const HeldLock lock;
  const auto domain = static_cast<std::size_t>(kind) - static_cast<std::size_t>(trace::Kind::python_raw);
  ++counts.allocated[domain];
  counts.bytes[domain] += size;
  if (n > 0) ++counts.with_frames;
  if (counts.held > kSlots / 2) return;
  Held* entry = find_held(address);
  if (entry->address != 0) {
    ++counts.twice;
    counts.held_bytes -= entry->size;
  } else {
    ++counts.held;
  }
  counts.held_bytes += size;
  *entry = {.address = address, .size = size, .kind = kind};
}

std::size_t on_python_free(trace::Kind, std::uintptr_t address) {
  const HeldLock lock;
  Held* entry = find_held(address);
  if (entry->address == 0) {
    ++counts.unknown_frees;
    return 0;
  }
  ++counts.freed;
  --counts.held;
  const std::size_t size = entry->size;
  counts.held_bytes -= size;
  erase(entry);
  return size;
}

}  // namespace fittest::heap::track

extern "C" {

void* malloc(std::size_t size) {
  on_allocation(size);
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) {
  on_allocation(count * size);
  return __libc_calloc(count, size);
}

void* realloc(void* address, std::size_t size) {
  on_allocation(size);
  return __libc_realloc(address, size);
}

// As the tracker does it.
void* dlopen(const char* path, int flags) {
  static const auto real = std::bit_cast<void* (*)(const char*, int)>(dlsym(RTLD_NEXT, "dlopen"));
  void* handle = real(path, flags);
  if (handle) find_python(handle);
  return handle;
}

// 3.x, 0 if no interpreter is known.
unsigned probe_minor() {
  return python() ? python()->layout.minor : 0;
}

void probe_every(std::uint64_t nth) {
  every = nth;
}

std::size_t probe_walk(PythonFrameRef* out, std::size_t capacity) {
  return walk_python(out, capacity);
}

// Allocates `count` times, or for ever (0).
void probe_spin(std::uint64_t count) {
  for (std::uint64_t i = 0; count == 0 || i < count; ++i) {
    void* volatile block = malloc(64);
    std::free(block);
  }
}

// Frames of this thread's last marked allocation.
std::size_t probe_kept(PythonFrameRef* out, std::size_t capacity) {
  if (!kept) return 0;
  const std::size_t count = kept->count < capacity ? kept->count : capacity;
  std::memcpy(out, kept->frames, count * sizeof *out);
  return count;
}

std::size_t probe_kept_text(char* out, std::size_t capacity) {
  if (!kept) return 0;
  const std::size_t size = kept->text_size < capacity ? kept->text_size : capacity;
  std::memcpy(out, kept->text, size);
  return size;
}

void probe_forget() {
  if (kept) kept->count = kept->text_size = 0;
}

std::uint64_t probe_fingerprint(std::uint64_t code) {
  return python_code_fingerprint(code);
}

struct Described {
  std::uint64_t name_size, file_size, table_size;
  std::int32_t first_line;
  std::uint32_t minor;
};
int probe_describe(std::uint64_t code, char* name, std::size_t name_capacity, char* file, std::size_t file_capacity,
                   unsigned char* table, std::size_t table_capacity, Described* described) {
  CodeText text{.name = {name, name_capacity}, .file = {file, file_capacity}};
  if (!describe_python_code(code, text)) return 0;
  *described = {.name_size = text.name.size(),
                .file_size = text.file.size(),
                .table_size = text.line_table.size(),
                .first_line = text.first_line,
                .minor = text.minor};
  if (text.line_table.size() <= table_capacity) std::memcpy(table, text.line_table.data(), text.line_table.size());
  return 1;
}

// How many native frames of the evaluation loop the calling thread is in; -1 where they cannot be told.
int probe_native_loops() {
  void* loop = dlsym(RTLD_DEFAULT, "_PyEval_EvalFrameDefault");
  Dl_info info;
  ElfW(Sym)* symbol = nullptr;
  if (!loop || !dladdr1(loop, &info, reinterpret_cast<void**>(&symbol), RTLD_DL_SYMENT) || !symbol) return -1;
  static void* addresses[100'000];
  const int count = backtrace(addresses, 100'000);
  int loops = 0;
  for (int i = 0; i < count; ++i) {
    const auto offset = std::bit_cast<std::uintptr_t>(addresses[i]) - std::bit_cast<std::uintptr_t>(loop);
    if (offset > 0 && offset <= symbol->st_size) ++loops;
  }
  return loops;
}

int probe_install() {
  if (!held) {
    void* memory = mmap(nullptr, kSlots * sizeof(Held), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return 0;
    held = static_cast<Held*>(memory);
  }
  {
    const HeldLock lock;
    if (counts.held > 0) madvise(held, kSlots * sizeof(Held), MADV_DONTNEED);
    counts = {};
  }
  counting = true;
  return install_python_allocators();
}

void probe_remove() {
  remove_python_allocators();
  counting = false;
}

void probe_counts(PythonCounts* out) {
  const HeldLock lock;
  *out = counts;
}

// Bytes held at `address`, 0 if none; its domain in `domain`.
std::uint64_t probe_held(std::uintptr_t address, int* domain) {
  const HeldLock lock;
  const Held* entry = find_held(address);
  if (entry->address == 0) return 0;
  *domain = static_cast<int>(entry->kind) - static_cast<int>(trace::Kind::python_raw);
  return entry->size;
}

}  // extern "C"
