#include "heap/track/real.h"

#include <dlfcn.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "heap/track/objects.h"
#include "heap/track/pages.h"

namespace fittest::heap::track {

alignas(64) unsigned char bootstrap[kBootstrapSize];
bool glibc_chunks = false;

namespace {

std::atomic<std::size_t> bootstrap_used{0};
bool looking = false;

void* bootstrap_allocate(std::size_t size, std::size_t alignment) {
  if (alignment < 16) alignment = 16;
  // A word before the block says its size.
  const std::size_t need = size + alignment + 16;
  const std::size_t start = bootstrap_used.fetch_add(need, std::memory_order_relaxed);
  if (start + need > kBootstrapSize) return nullptr;
  auto at = reinterpret_cast<std::uintptr_t>(bootstrap) + start + 16;
  at = (at + alignment - 1) & ~(alignment - 1);
  reinterpret_cast<std::size_t*>(at)[-1] = size;
  return reinterpret_cast<void*>(at);
}

// What stands in `real` at first: looks, or where that is being done already, makes do.
void* first_malloc(std::size_t size) {
  if (looking) return bootstrap_allocate(size, 0);
  find_real();
  return real.malloc(size);
}
void first_free(void* at) {
  if (looking || from_bootstrap(at)) return;
  find_real();
  real.free(at);
}
void* first_calloc(std::size_t count, std::size_t size) {
  if (looking) return bootstrap_allocate(count * size, 0);  // zero from the start
  find_real();
  return real.calloc(count, size);
}
void* first_realloc(void* at, std::size_t size) {
  if (looking) return at == nullptr ? bootstrap_allocate(size, 0) : nullptr;
  find_real();
  return real.realloc(at, size);
}
void* first_memalign(std::size_t alignment, std::size_t size) {
  if (looking) return bootstrap_allocate(size, alignment);
  find_real();
  return real.memalign(alignment, size);
}
void* first_aligned_alloc(std::size_t alignment, std::size_t size) {
  if (looking) return bootstrap_allocate(size, alignment);
  find_real();
  return real.aligned_alloc(alignment, size);
}
int first_posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  if (looking) return ENOMEM;
  find_real();
  return real.posix_memalign(into, alignment, size);
}
void* first_valloc(std::size_t size) {
  if (looking) return nullptr;
  find_real();
  return real.valloc(size);
}
void* first_pvalloc(std::size_t size) {
  if (looking) return nullptr;
  find_real();
  return real.pvalloc(size);
}
std::size_t first_malloc_usable_size(void* at) {
  if (looking || from_bootstrap(at)) return bootstrap_size(at);
  find_real();
  return real.malloc_usable_size(at);
}
void* first_mmap(void* hint, std::size_t size, int protection, int flags, int fd, off_t offset) {
  const long at =
      system_call(SYS_mmap, reinterpret_cast<long>(hint), static_cast<long>(size), protection, flags, fd, offset);
  if (!failed(at)) return reinterpret_cast<void*>(at);
  errno = static_cast<int>(-at);
  return MAP_FAILED;
}
int first_munmap(void* at, std::size_t size) {
  const long result = system_call(SYS_munmap, reinterpret_cast<long>(at), static_cast<long>(size));
  if (!failed(result)) return 0;
  errno = static_cast<int>(-result);
  return -1;
}
void* first_mremap(void* at, std::size_t size, std::size_t new_size, int flags, ...) {
  find_real();
  return real.mremap(at, size, new_size, flags);
}
int first_brk(void* end) {
  find_real();
  return real.brk(end);
}
void* first_sbrk(std::intptr_t by) {
  find_real();
  return real.sbrk(by);
}
int first_dlclose(void* handle) {
  find_real();
  return real.dlclose(handle);
}
int first_execve(const char* path, char* const* arguments, char* const* environment) {
  find_real();
  return real.execve(path, arguments, environment);
}
int first_execvpe(const char* file, char* const* arguments, char* const* environment) {
  find_real();
  return real.execvpe(file, arguments, environment);
}
void first_exit_now(int status) {
  system_call(SYS_exit_group, status);
  __builtin_unreachable();
}

template <typename Function>
void find(Function& into, const char* name) {
  into = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

// Sizes of every way glibc has: from the thread's cache, small and large bins, the top, a mapping of its own.
bool looks_like_glibc() {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{24}, std::size_t{25}, std::size_t{1000},
                                 std::size_t{5000}, std::size_t{100'000}, std::size_t{300'000}}) {
    void* at = real.malloc(size);
    if (at == nullptr) return false;
    const std::size_t says = real.malloc_usable_size(at);
    const std::size_t reads = chunk_size(at);
    real.free(at);
    if (says != reads) return false;
  }
  return true;
}

}  // namespace

constinit Hot hot{
    {kUnknownChunks},
    {first_malloc, first_free, first_calloc, first_realloc, first_memalign, first_aligned_alloc, first_posix_memalign,
     first_valloc, first_pvalloc, first_malloc_usable_size, first_mmap, first_munmap, first_mremap, first_brk,
     first_sbrk, first_dlclose, first_exit_now, first_execve, first_execvpe}};

void find_real() {
  static bool found = false;
  if (found || looking) return;
  looking = true;
  Real next = real;
  find(next.malloc, "malloc");
  find(next.free, "free");
  find(next.calloc, "calloc");
  find(next.realloc, "realloc");
  find(next.memalign, "memalign");
  find(next.aligned_alloc, "aligned_alloc");
  find(next.posix_memalign, "posix_memalign");
  find(next.valloc, "valloc");
  find(next.pvalloc, "pvalloc");
  find(next.malloc_usable_size, "malloc_usable_size");
  find(next.mmap, "mmap");
  find(next.munmap, "munmap");
  find(next.mremap, "mremap");
  find(next.brk, "brk");
  find(next.sbrk, "sbrk");
  find(next.dlclose, "dlclose");
  find(next.exit_now, "_exit");
  find(next.execve, "execve");
  find(next.execvpe, "execvpe");
  real = next;
  looking = false;
  found = true;
  // glibc's own allocator is the one that also has this name; with another one before it, chunks are that one's.
  const auto* own = ::dlsym(RTLD_NEXT, "__libc_malloc");
  glibc_chunks = own != nullptr && own == reinterpret_cast<void*>(real.malloc) && looks_like_glibc();
}

bool in_allocator(std::uintptr_t address) {
  static const Object* allocator = nullptr;
  if (allocator == nullptr) allocator = find_object(reinterpret_cast<std::uintptr_t>(real.malloc));
  return allocator != nullptr && address - allocator->begin < allocator->end - allocator->begin;
}

std::size_t bootstrap_size(const void* at) {
  return static_cast<const std::size_t*>(at)[-1];
}

}  // namespace fittest::heap::track
