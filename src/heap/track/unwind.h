#pragma once
// Walks the native stack of the calling thread.
#include <cstddef>
#include <cstdint>

namespace fittest::heap::track {

struct ThreadState;

// Return addresses, innermost first, of the callers of this library; at most `capacity`. Frames of this library itself
// are left out. Reads no memory that is not the thread's stack or known to be mapped; where a frame says nothing of its
// caller the walk ends. No lock is taken but the loader's, before glibc 2.35.
std::size_t walk_stack(ThreadState& thread, std::uintptr_t* into, std::size_t capacity);

// How many of `count` pages from `begin` on can be read, up to the first that cannot; at most kPagesAtOnce are asked
// for. The kernel is asked, because the C library's own word for where a stack ends takes locks (pthread_getattr_np,
// which allocates with them held).
inline constexpr std::size_t kPagesAtOnce = 16;
std::size_t readable_pages(std::uintptr_t begin, std::size_t count);

// After dlclose.
void forget_frame_rules();
// Before munmap: what was found readable there, of a coroutine's stack, is not any more.
void forget_stack(ThreadState& thread, std::uintptr_t begin, std::size_t size);

}  // namespace fittest::heap::track
