#pragma once
// What Python's own allocators give out: hooks around those of the three domains (PyMem_SetAllocator), for the time of
// a section. They see each object, where malloc sees the arenas that pymalloc carves objects from.
//
// Not seen: what was given out before they were installed; objects that the interpreter keeps in free lists or caches
// of its own and hands out again (floats, small tuples, lists, frames ...: taking one is no allocation, dropping one no
// free); memory that an extension gets by malloc, which is seen there; a frame stack's chunks and pymalloc's arenas,
// which are mapped (and are seen as mapped memory). With PYTHONMALLOC=debug or -X dev the hooks lie around Python's own
// checks: sizes are those asked for. With PYTHONMALLOC=malloc the domains lead to malloc at once, with the same result.
// tracemalloc may be started and stopped before, within and after.
#include <cstddef>
#include <cstdint>

#include "heap/trace/format.h"

namespace fittest::heap::track {

// How many calls of hooked allocators the calling thread is in. While it is not 0, the allocation below belongs to an
// object that on_python_alloc() tells of, if python_hooks_active: malloc, mmap and the like count it but do not record
// it. Frees below are to be looked up all the same: what is freed may have been recorded before the hooks were there.
// 0 inside of on_python_alloc() and on_python_free() too, as both are called outside of the allocator.
[[gnu::tls_model("initial-exec")]] extern thread_local std::uint32_t python_allocator_depth;

// To be provided by the tracker. `kind` is one of Kind::python_*. Called in any thread, those of kind python_raw
// without the interpreter lock; must not call Python. Each object is told of once, by the outermost allocator that it
// went through, under that allocator's kind.
void on_python_alloc(trace::Kind kind, std::uintptr_t address, std::size_t size);  // after the allocation
// Before the memory goes back. Returns the size that on_python_alloc() was told, if the address is held as far as the
// tracker knows (it may never have heard of it), or else 0: what realloc puts back where it then fails.
std::size_t on_python_free(trace::Kind kind, std::uintptr_t address);

// Puts the hooks around the allocators of the interpreter that find_python() found, and begins to call on_python_*.
// The calling thread holds the interpreter lock. False, with nothing changed, if there is no interpreter or the hooks
// cannot be put in. May be called again and again: it and the removal take
// about a microsecond together.
bool install_python_allocators();

// Ends the calls of on_python_* and takes the hooks out, or where others put theirs around them since, leaves them
// there as mere passages. The calling thread holds the interpreter lock. An allocation that another thread is in
// without the lock (kind python_raw) may still be told of while this returns.
void remove_python_allocators();

}  // namespace fittest::heap::track
