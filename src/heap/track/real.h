#pragma once
// The functions that stand behind the hooks: the next definitions after this library's.
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fittest::heap::track {

struct Real {
  void* (*malloc)(std::size_t);
  void (*free)(void*);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  void* (*aligned_alloc)(std::size_t, std::size_t);
  int (*posix_memalign)(void**, std::size_t, std::size_t);
  void* (*valloc)(std::size_t);
  void* (*pvalloc)(std::size_t);
  std::size_t (*malloc_usable_size)(void*);
  void* (*mmap)(void*, std::size_t, int, int, int, off_t);
  int (*munmap)(void*, std::size_t);
  void* (*mremap)(void*, std::size_t, std::size_t, int, ...);
  int (*brk)(void*);
  void* (*sbrk)(std::intptr_t);
  int (*dlclose)(void*);
  void (*exit_now)(int);  // _exit
  int (*execve)(const char*, char* const*, char* const*);
  int (*execvpe)(const char*, char* const*, char* const*);
};

// What every hook reads, in one line of the processor's cache with the functions that it mostly calls.
struct alignas(64) Hot {
  std::atomic<std::uint32_t> always_slow;  // a combination of Slow
  Real real;
};
extern Hot hot __attribute__((visibility("hidden")));
inline constexpr Real& real = hot.real;
// Fills `real`. Until then its functions look for themselves when they are first called.
void find_real();

// Not 0: every allocation and free takes the slow way. It does until the functions behind are known, while a trace or
// section of everything is open, and with an allocator whose chunks we cannot read.
enum Slow : std::uint32_t { kAllRecorded = 1, kUnknownChunks = 2 };
inline constexpr std::atomic<std::uint32_t>& always_slow = hot.always_slow;

// Whether the allocator behind is glibc's, whose chunks say their size in the word before them, so that no call is
// needed to ask: tried out on real allocations by find_real().
extern bool glibc_chunks __attribute__((visibility("hidden")));

// Whether `address` is code of the allocator behind; only where that is not glibc's.
bool in_allocator(std::uintptr_t address);

// While find_real() looks, dlsym may allocate: from a small store, for ever. What comes from there must not be given to
// the allocator behind.
inline constexpr std::size_t kBootstrapSize = std::size_t{64} << 10;
extern unsigned char bootstrap[kBootstrapSize] __attribute__((visibility("hidden")));
inline bool from_bootstrap(const void* at) {
  return reinterpret_cast<std::uintptr_t>(at) - reinterpret_cast<std::uintptr_t>(bootstrap) < kBootstrapSize;
}
std::size_t bootstrap_size(const void* at);

// The size in the word before a chunk of glibc's (malloc/malloc.c, "Physical chunk layout"): three flags below it; a
// chunk mapped by itself (flag 2) has no neighbour whose first word it could use.
inline std::size_t chunk_size(const void* at) {
  const std::size_t head = static_cast<const std::size_t*>(at)[-1];
  if (__builtin_expect((head & 2) != 0, 0)) return (head & ~std::size_t{7}) - 16;
  return (head & ~std::size_t{7}) - 8;
}

// The bytes that the allocator set aside for `at`, which is what its free gives back (malloc_usable_size).
inline std::size_t usable(void* at) {
  return glibc_chunks ? chunk_size(at) : real.malloc_usable_size(at);
}

}  // namespace fittest::heap::track
