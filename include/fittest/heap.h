#ifndef FITTEST_HEAP_H
#define FITTEST_HEAP_H
/* What libfittest_heap.so offers to the process it is preloaded into, by dlsym, ctypes or weak symbols. A section is a
 * stretch of the run with a trace file of its own: one test's body, usually. Sections do not nest. */
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FITTEST_HEAP_VERSION 2 /* 2: fittest_heap_objects_* */

/* What fittest_heap_begin is to record. */
enum {
  FITTEST_HEAP_SAMPLE = 0,            /* as by default */
  FITTEST_HEAP_EXACT = 1,             /* every allocation */
  FITTEST_HEAP_PYTHON_ALLOCATORS = 2, /* also what Python's own allocators give out */
  FITTEST_HEAP_CURRENT_THREAD = 4     /* only what the calling thread allocates */
};

struct fittest_heap_figures {
  uint64_t live;        /* bytes held now, heap and mapped, as fittest::heap::trace::Counters says */
  uint64_t peak;        /* the most held since the section (or else the process) began */
  uint64_t allocated;   /* heap bytes allocated since then */
  uint64_t allocations; /* calls that allocated since then */
  uint64_t frees;
  uint64_t mapped;       /* mapped bytes held now */
  uint64_t mapped_total; /* bytes mapped since the section (or process) began */
  uint64_t recorded;     /* bytes asked for by recorded allocations since the section began, of all kinds */
  uint64_t lost;         /* allocations that should have been recorded and were not */
};

/* FITTEST_HEAP_VERSION of the library that is loaded. */
int fittest_heap_version(void);
/* Begins a section whose trace goes to `path`. With FITTEST_HEAP_PYTHON_ALLOCATORS the caller holds the interpreter's
 * lock (ctypes.PyDLL), here and at the end. 0, or an errno value: EALREADY (one is open), ENOENT, EACCES, ... */
int fittest_heap_begin(const char* path, unsigned flags);
/* Ends it; its file is whole. 0, or ENODATA where none is open. `figures` may be null. */
int fittest_heap_end(struct fittest_heap_figures* figures);
/* Figures so far, of the section or else of the process. */
void fittest_heap_read(struct fittest_heap_figures* figures);
/* Says in the process's own trace that the test `name` begins; "" that it ended. The peak starts anew. In a section it
 * goes into the section's trace instead, and the peak goes on. */
void fittest_heap_mark(const char* name);

/* Begins to note which Python objects are made, by any thread, and which of them end. For CPython 3.13.3 and later with
 * the interpreter lock, which the caller holds here and below (ctypes.PyDLL). A tracer that was set by
 * PyRefTracer_SetTracer is called on. 0, or an errno value: ENOTSUP (no such interpreter), EALREADY. */
int fittest_heap_objects_begin(void);
/* Ends it and takes a reference to each object that is still there. 0, or ENODATA (was not begun, or in a parent
 * process), ECANCELED (another tracer took the place meanwhile: nothing is known), EOVERFLOW, ENOMEM. */
int fittest_heap_objects_end(void);
/* Those objects, in the order in which they were made, as a new Python list that owns the references. Null with an
 * exception set where there is no memory for it; ask again. Empty when asked a second time. */
void* fittest_heap_objects_take(void);

#ifdef __cplusplus
}
#endif
#endif
