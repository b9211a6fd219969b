#pragma once
// Memory that does not come from the allocator which is being watched, and system calls that no hook sees and no
// pthread_cancel ends.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace fittest::heap::track {

// The system call itself: a result from -4095 to -1 is the negative errno value. errno is not touched.
inline long system_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#else
  const int kept = errno;
  const long result = ::syscall(number, a, b, c, d, e, f);
  const long value = result == -1 ? -static_cast<long>(errno) : result;
  errno = kept;
  return value;
#endif
}

inline bool failed(long result) {
  return result < 0 && result >= -4095;
}

inline constexpr std::size_t kPage = 4096;
inline constexpr std::size_t whole_pages(std::size_t bytes) {
  return (bytes + kPage - 1) & ~(kPage - 1);
}

// Zeroed memory of `bytes`, or null.
inline void* map_pages(std::size_t bytes) {
  const long at = system_call(SYS_mmap, 0, static_cast<long>(whole_pages(bytes)), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return failed(at) ? nullptr : reinterpret_cast<void*>(at);
}

inline void unmap_pages(void* at, std::size_t bytes) {
  if (at != nullptr) system_call(SYS_munmap, reinterpret_cast<long>(at), static_cast<long>(whole_pages(bytes)));
}

inline std::uint32_t thread_id() {
  return static_cast<std::uint32_t>(system_call(SYS_gettid));
}
inline std::uint32_t process_id() {
  return static_cast<std::uint32_t>(system_call(SYS_getpid));
}

}  // namespace fittest::heap::track
