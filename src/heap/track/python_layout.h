#pragma once
// Where CPython keeps what is read of it: the offsets of one interpreter, and the search for it in this process.
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fittest::heap::track {

// Offsets in bytes into CPython's own structures, of one minor version. Kept for the life of the process once found.
struct PythonLayout {
  std::uint32_t minor;  // of 3.x
  // PyThreadState: the running frame, either directly or by way of a _PyCFrame
  std::uint16_t state_frame;
  bool state_has_cframe;
  std::uint16_t cframe_frame;
  // Frames: PyFrameObject up to 3.10, _PyInterpreterFrame from 3.11 on
  std::uint16_t frame_previous;
  std::uint16_t frame_code;
  std::uint16_t frame_instruction;  // an index (int) up to 3.10, a pointer from 3.11 on
  std::uint16_t frame_owner;        // from 3.11 on
  std::uint16_t frame_is_entry;     // 3.11 alone
  // PyCodeObject
  std::uint16_t code_name;  // the qualified one where there is one
  std::uint16_t code_file;
  std::uint16_t code_first_line;
  std::uint16_t code_line_table;
  std::uint16_t code_version;          // from 3.12 on: a number that no other code object of the interpreter has
  std::uint16_t code_first_traceable;  // from 3.11 on
  std::uint16_t code_bytecode;         // from 3.11 on
  // Strings
  std::uint16_t ascii_size;    // sizeof(PyASCIIObject)
  std::uint16_t compact_size;  // sizeof(PyCompactUnicodeObject)
  // What the types of a release build say of their own size, which tells other builds apart
  std::uint16_t code_basic_size;
  std::uint16_t frame_basic_size;
  // _PyRuntimeState: the thread state that finalises the interpreter
  std::uint16_t runtime_finalizing;
};

// PyMemAllocatorEx.
struct PythonAllocator {
  void* context;
  void* (*malloc)(void* context, std::size_t size);
  void* (*calloc)(void* context, std::size_t count, std::size_t size);
  void* (*realloc)(void* context, void* address, std::size_t size);
  void (*free)(void* context, void* address);

  bool operator==(const PythonAllocator&) const = default;
};

// PyRefTracer: called with each object that is made (event 0) or about to be destroyed (1).
using RefTracer = int(void* object, int event, void* data);

// What concerns the references of objects. All null before CPython 3.13.3.
struct PythonReferences {
  int (*set_tracer)(RefTracer* tracer, void* data);                 // PyRefTracer_SetTracer
  RefTracer* (*get_tracer)(void** data);                            // PyRefTracer_GetTracer
  void* (*thread_state)();                                          // PyThreadState_GetUnchecked
  void (*increase)(void* object);                                   // Py_IncRef
  void (*decrease)(void* object);                                   // Py_DecRef
  void* (*new_list)(std::ptrdiff_t size);                           // PyList_New
  int (*set_item)(void* list, std::ptrdiff_t index, void* object);  // PyList_SetItem
};

// An interpreter of this process.
struct Python {
  PythonLayout layout;
  std::uintptr_t code_type;  // &PyCode_Type
  std::uintptr_t runtime;    // &_PyRuntime
  void* (*thread_state)();   // PyGILState_GetThisThreadState
  // PyMem_GetAllocator, PyMem_SetAllocator; the domain is 0 (raw), 1 (memory) or 2 (object).
  void (*get_allocator)(int domain, PythonAllocator* allocator);
  void (*set_allocator)(int domain, const PythonAllocator* allocator);
  PythonReferences references;
};

// For `python()` alone. Null as long as no interpreter was found.
extern std::atomic<const Python*> found_python;

// The interpreter that find_python() found; null before that. Callable from anywhere.
inline const Python* python() {
  return found_python.load(std::memory_order_acquire);
}

// Looks for an interpreter among the objects that `handle` reaches: RTLD_DEFAULT, or what dlopen returned (so that a
// libpython loaded with RTLD_LOCAL is found too). The first one found stays; a process with two has frames of the first
// alone. Returns whether there is one now whose layout is known: release builds of CPython 3.9 to 3.14 that have the
// interpreter lock, and whose own figures (sizes of types, from 3.13 on the offsets that it publishes for debuggers)
// agree. May allocate (dlsym does where it fails) and empties dlerror's message: to be called when the process starts
// and after each dlopen that succeeded, not from inside an allocation. Runs no Python code; the interpreter need not be
// initialised.
bool find_python(void* handle);

}  // namespace fittest::heap::track
