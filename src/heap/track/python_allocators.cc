#include "heap/track/python_allocators.h"

#include <atomic>

#include "heap/track/python_layout.h"

namespace fittest::heap::track {

[[gnu::tls_model("initial-exec")]] constinit thread_local std::uint32_t python_allocator_depth = 0;

namespace {

constexpr int kDomains = 3;
constexpr trace::Kind kKinds[kDomains] = {trace::Kind::python_raw, trace::Kind::python_memory,
                                          trace::Kind::python_object};

// Different allocators of one domain that a process may have had when hooks went in: its own one, those of Python's
// debugging hooks, tracemalloc's.
constexpr std::size_t kMostOriginals = 16;

// What lies below the hook of one domain. Threads read it without the interpreter lock, so it is never changed, only
// replaced.
struct Originals {
  PythonAllocator all[kMostOriginals];
  std::size_t used;
  std::atomic<const PythonAllocator*> current;
};
constinit Originals originals[kDomains]{};

constinit std::atomic<bool> active{false};

// Of the thread that asks whether its calls come by the hooks.
[[gnu::tls_model("initial-exec")]] constinit thread_local bool asking = false;
[[gnu::tls_model("initial-exec")]] constinit thread_local bool came_by = false;

// Whether the call that the thread is about to make is to be told of.
bool is_outermost() {
  if (asking) came_by = true;
  return active.load(std::memory_order_relaxed) && python_allocator_depth == 0;
}

// The context is not looked at: it belongs to an original, perhaps to one of before (see wrap()).
template <int domain>
void* hook_malloc(void*, std::size_t size) {
  const PythonAllocator* below = originals[domain].current.load(std::memory_order_acquire);
  if (!is_outermost()) return below->malloc(below->context, size);
  ++python_allocator_depth;
  void* address = below->malloc(below->context, size);
  --python_allocator_depth;
  if (address) on_python_alloc(kKinds[domain], reinterpret_cast<std::uintptr_t>(address), size);
  return address;
}

template <int domain>
void* hook_calloc(void*, std::size_t count, std::size_t size) {
  const PythonAllocator* below = originals[domain].current.load(std::memory_order_acquire);
  if (!is_outermost()) return below->calloc(below->context, count, size);
  ++python_allocator_depth;
  void* address = below->calloc(below->context, count, size);
  --python_allocator_depth;
  // No overflow: the allocator gave as much.
  if (address) on_python_alloc(kKinds[domain], reinterpret_cast<std::uintptr_t>(address), count * size);
  return address;
}

template <int domain>
void* hook_realloc(void*, void* old, std::size_t size) {
  const PythonAllocator* below = originals[domain].current.load(std::memory_order_acquire);
  if (!is_outermost()) return below->realloc(below->context, old, size);
  const auto old_address = reinterpret_cast<std::uintptr_t>(old);
  // First, as another thread may be given the old place before this call returns.
  const std::size_t old_size = old ? on_python_free(kKinds[domain], old_address) : 0;
  ++python_allocator_depth;
  void* address = below->realloc(below->context, old, size);
  --python_allocator_depth;
  if (address) {
    on_python_alloc(kKinds[domain], reinterpret_cast<std::uintptr_t>(address), size);
  } else if (old_size != 0) {
    on_python_alloc(kKinds[domain], old_address, old_size);
  }
  return address;
}

template <int domain>
void hook_free(void*, void* address) {
  const PythonAllocator* below = originals[domain].current.load(std::memory_order_acquire);
  if (!address || !is_outermost()) return below->free(below->context, address);
  on_python_free(kKinds[domain], reinterpret_cast<std::uintptr_t>(address));
  ++python_allocator_depth;
  below->free(below->context, address);
  --python_allocator_depth;
}

template <int domain>
constexpr PythonAllocator kHook = {nullptr, hook_malloc<domain>, hook_calloc<domain>, hook_realloc<domain>,
                                   hook_free<domain>};
constexpr PythonAllocator kHooks[kDomains] = {kHook<0>, kHook<1>, kHook<2>};

bool is_hook(const PythonAllocator& allocator, int domain) {
  return allocator.malloc == kHooks[domain].malloc;
}

// Whether what `top` allocates comes by the hook of its domain, which others may have put theirs around.
bool leads_to_hook(const PythonAllocator& top) {
  asking = true;
  came_by = false;
  ++python_allocator_depth;
  void* address = top.malloc(top.context, 1);
  if (address) top.free(top.context, address);
  --python_allocator_depth;
  asking = false;
  return came_by;
}

// Puts the hook of `domain` around its allocator, unless it is there.
bool wrap(const Python& known, int domain) {
  PythonAllocator top;
  known.get_allocator(domain, &top);
  if (is_hook(top, domain) || leads_to_hook(top)) return true;
  Originals& below = originals[domain];
  std::size_t at = 0;
  while (at < below.used && below.all[at] != top) ++at;
  if (at == kMostOriginals) return false;
  if (at == below.used) below.all[below.used++] = top;
  below.current.store(&below.all[at], std::memory_order_release);
  // Other threads read the allocator's parts one by one, without a lock (domain 0): whatever mixture of the original's
  // and the hook's parts they come by works, as the context stays the original's.
  PythonAllocator hook = kHooks[domain];
  hook.context = top.context;
  known.set_allocator(domain, &hook);
  return true;
}

void unwrap(const Python& known, int domain) {
  PythonAllocator top;
  known.get_allocator(domain, &top);
  if (is_hook(top, domain)) known.set_allocator(domain, originals[domain].current.load(std::memory_order_acquire));
}

}  // namespace

bool install_python_allocators() {
  const Python* known = python();
  if (!known) return false;
  for (int domain = 0; domain < kDomains; ++domain) {
    if (wrap(*known, domain)) continue;
    remove_python_allocators();
    return false;
  }
  active.store(true, std::memory_order_relaxed);
  return true;
}

void remove_python_allocators() {
  active.store(false, std::memory_order_relaxed);
  const Python* known = python();
  if (!known) return;
  for (int domain = 0; domain < kDomains; ++domain) unwrap(*known, domain);
}

}  // namespace fittest::heap::track
