// The functions that a program gets instead of its C library's. Each calls the one behind it, and counts.
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstring>

#include "heap/track/python_objects.h"
#include "heap/track/real.h"
#include "heap/track/tracker.h"
#include "heap/track/unwind.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {

using namespace fittest::heap::track;  // the hooks stand outside of every namespace and are made of nothing else
using fittest::heap::trace::Kind;

inline void* make(std::size_t size) {
  return allocate(size, [=] { return real.malloc(size); });
}

[[gnu::noinline]] void* move_out_of_bootstrap(void* at, std::size_t size) {
  void* const fresh = make(size);
  const std::size_t held = bootstrap_size(at);
  if (fresh != nullptr) std::memcpy(fresh, at, held < size ? held : size);
  return fresh;
}

}  // namespace

EXPORTED void* malloc(std::size_t size) {
  return make(size);
}

EXPORTED void free(void* at) {
  if (at == nullptr) return;
  if (__builtin_expect(from_bootstrap(at), 0)) return;
  count_free(at);
  real.free(at);
}

EXPORTED void* calloc(std::size_t count, std::size_t size) {
  return allocate(count * size, [=] { return real.calloc(count, size); });
}

EXPORTED void* realloc(void* at, std::size_t size) {
  if (at == nullptr) return make(size);
  if (__builtin_expect(from_bootstrap(at), 0)) return move_out_of_bootstrap(at, size);
  // Said before it happens: once it has, the old address may be another thread's.
  const std::size_t held = usable(at);
  count_free(at);
  void* const moved = allocate(size, [=] { return real.realloc(at, size); });
  if (moved != nullptr) return moved;
  if (size != 0) {  // it failed, and the old memory is still there
    ThreadState& t = this_thread;
    t.countdown -= counted_down(held);
    count_allocation(t, at, held);
  }
  return nullptr;
}

EXPORTED void* reallocarray(void* at, std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return realloc(at, bytes);
}

EXPORTED void* memalign(std::size_t alignment, std::size_t size) {
  return allocate(size, [=] { return real.memalign(alignment, size); });
}

EXPORTED void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return allocate(size, [=] { return real.aligned_alloc(alignment, size); });
}

EXPORTED int posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  int problem = 0;
  allocate(size, [&] {
    problem = real.posix_memalign(into, alignment, size);
    return problem == 0 ? *into : nullptr;
  });
  return problem;
}

EXPORTED void* valloc(std::size_t size) {
  return allocate(size, [=] { return real.valloc(size); });
}

EXPORTED void* pvalloc(std::size_t size) {
  return allocate(size, [=] { return real.pvalloc(size); });
}

EXPORTED std::size_t malloc_usable_size(void* at) {
  if (at == nullptr) return 0;
  return from_bootstrap(at) ? bootstrap_size(at) : real.malloc_usable_size(at);
}

namespace {

// Memory that holds nothing of a file and may be written to. What is only reserved (PROT_NONE) is not memory yet.
bool is_memory(int protection, int flags) {
  return (flags & MAP_ANONYMOUS) != 0 && protection != PROT_NONE;
}

// The allocator behind gets its own memory by these functions, too, where it is not the C library's: that is counted as
// what it gives out. Its mappings are those that its code asks for.
bool is_allocators(const void* caller) {
  return !glibc_chunks && in_allocator(reinterpret_cast<std::uintptr_t>(caller));
}

void* map(void* hint, std::size_t size, int protection, int flags, int fd, off_t offset, const void* caller) {
  if (is_allocators(caller)) return real.mmap(hint, size, protection, flags, fd, offset);
  // A mapping at a fixed place ends what was there.
  if ((flags & MAP_FIXED) != 0) unmapped(reinterpret_cast<std::uintptr_t>(hint), size);
  void* const at = real.mmap(hint, size, protection, flags, fd, offset);
  if (at != MAP_FAILED && is_memory(protection, flags))
    mapped(reinterpret_cast<std::uintptr_t>(at), size, Kind::mapped);
  return at;
}

}  // namespace

EXPORTED void* mmap(void* hint, std::size_t size, int protection, int flags, int fd, off_t offset) {
  return map(hint, size, protection, flags, fd, offset, __builtin_return_address(0));
}

EXPORTED void* mmap64(void* hint, std::size_t size, int protection, int flags, int fd, off64_t offset) {
  return map(hint, size, protection, flags, fd, offset, __builtin_return_address(0));
}

EXPORTED int munmap(void* at, std::size_t size) {
  unmapped(reinterpret_cast<std::uintptr_t>(at), size);
  return real.munmap(at, size);
}

EXPORTED void* mremap(void* at, std::size_t size, std::size_t new_size, int flags, ...) {
  void* hint = nullptr;
  if ((flags & MREMAP_FIXED) != 0) {
    va_list rest;
    va_start(rest, flags);
    hint = va_arg(rest, void*);
    va_end(rest);
  }
  const bool counted_before = is_counted_mapping(reinterpret_cast<std::uintptr_t>(at));
  if (counted_before) unmapped(reinterpret_cast<std::uintptr_t>(at), size);
  void* const moved = real.mremap(at, size, new_size, flags, hint);
  if (counted_before) {
    void* const now = moved != MAP_FAILED ? moved : at;
    mapped(reinterpret_cast<std::uintptr_t>(now), moved != MAP_FAILED ? new_size : size, Kind::mapped);
  }
  return moved;
}

EXPORTED int brk(void* end) {
  if (is_allocators(__builtin_return_address(0))) return real.brk(end);
  const auto before = reinterpret_cast<std::uintptr_t>(real.sbrk(0));
  const auto after = reinterpret_cast<std::uintptr_t>(end);
  if (after < before) unmapped(after, before - after);
  const int problem = real.brk(end);
  if (problem == 0 && after > before) mapped(before, after - before, Kind::brk);
  return problem;
}

EXPORTED void* sbrk(std::intptr_t by) {
  if (is_allocators(__builtin_return_address(0))) return real.sbrk(by);
  if (by < 0) {
    const auto end = reinterpret_cast<std::uintptr_t>(real.sbrk(0));
    unmapped(end - static_cast<std::uintptr_t>(-by), static_cast<std::size_t>(-by));
  }
  void* const before = real.sbrk(by);
  if (by > 0 && before != reinterpret_cast<void*>(-1)) {
    mapped(reinterpret_cast<std::uintptr_t>(before), static_cast<std::size_t>(by), Kind::brk);
  }
  return before;
}

EXPORTED int dlclose(void* handle) {
  const int problem = real.dlclose(handle);
  forget_frame_rules();
  return problem;
}

EXPORTED void _exit(int status) {
  finish();
  real.exit_now(status);
  __builtin_unreachable();
}

EXPORTED void _Exit(int status) {
  _exit(status);
}

namespace {

constexpr std::size_t kMostPreload = 8192;

// `how`: real.execve or real.execvpe. The new environment lies on the stack: nothing may be allocated between fork and
// exec.
int execute(int (*how)(const char*, char* const*, char* const*), const char* file, char* const* arguments,
            char* const* environment) {
  std::size_t count = 0;
  while (environment != nullptr && environment[count] != nullptr) ++count;
  const std::size_t capacity = count + 16;
  auto** const extended = static_cast<char**>(__builtin_alloca(capacity * sizeof(char*)));
  char text[kMostPreload];
  const bool carried = carry_environment(file, environment, extended, capacity, text, sizeof text);
  return how(file, arguments, carried ? extended : environment);
}

// The arguments of execl and its kin, from `first` on to the null pointer, as an array on the caller's stack.
std::size_t count_arguments(va_list rest) {
  std::size_t count = 1;
  while (va_arg(rest, char*) != nullptr) ++count;
  return count;
}

}  // namespace

#define FITTEST_TAKE_ARGUMENTS(first, rest)                                                    \
  va_list rest;                                                                                \
  va_start(rest, first);                                                                       \
  const std::size_t count = count_arguments(rest);                                             \
  va_end(rest);                                                                                \
  auto** const arguments = static_cast<char**>(__builtin_alloca((count + 1) * sizeof(char*))); \
  arguments[0] = const_cast<char*>(first);                                                     \
  va_start(rest, first);                                                                       \
  for (std::size_t i = 1; i <= count; ++i) arguments[i] = va_arg(rest, char*)

EXPORTED int execve(const char* path, char* const* arguments, char* const* environment) noexcept {
  return execute(real.execve, path, arguments, environment);
}
EXPORTED int execv(const char* path, char* const* arguments) noexcept {
  return execute(real.execve, path, arguments, environ);
}
EXPORTED int execvp(const char* file, char* const* arguments) noexcept {
  return execute(real.execvpe, file, arguments, environ);
}
EXPORTED int execvpe(const char* file, char* const* arguments, char* const* environment) noexcept {
  return execute(real.execvpe, file, arguments, environment);
}
EXPORTED int execl(const char* path, const char* first, ...) noexcept {
  FITTEST_TAKE_ARGUMENTS(first, rest);
  va_end(rest);
  return execute(real.execve, path, arguments, environ);
}
EXPORTED int execlp(const char* file, const char* first, ...) noexcept {
  FITTEST_TAKE_ARGUMENTS(first, rest);
  va_end(rest);
  return execute(real.execvpe, file, arguments, environ);
}
EXPORTED int execle(const char* path, const char* first, ...) noexcept {
  FITTEST_TAKE_ARGUMENTS(first, rest);
  char* const* const environment = va_arg(rest, char* const*);
  va_end(rest);
  return execute(real.execve, path, arguments, environment);
}

EXPORTED int fittest_heap_version(void) {
  return FITTEST_HEAP_VERSION;
}
EXPORTED int fittest_heap_begin(const char* path, unsigned flags) {
  return begin_section(path, flags);
}
EXPORTED int fittest_heap_end(fittest_heap_figures* figures) {
  return end_section(figures);
}
EXPORTED void fittest_heap_read(fittest_heap_figures* figures) {
  read_figures(*figures);
}
EXPORTED void fittest_heap_mark(const char* name) {
  mark_test(name);
}
EXPORTED int fittest_heap_objects_begin(void) {
  return begin_python_objects();
}
EXPORTED int fittest_heap_objects_end(void) {
  return end_python_objects();
}
EXPORTED void* fittest_heap_objects_take(void) {
  return take_python_objects();
}
