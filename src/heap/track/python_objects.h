#pragma once
// Which Python objects were made since a moment and are still there: by the interpreter's own reference tracing
// (PyRefTracer_SetTracer), of any type, from CPython 3.13.3 on. Before that, the interpreter does not tell of all that
// it destroys.
//
// The tracer that was set before is called on, and set again at the end. Noted are the objects of the interpreter that
// asked, by all of its threads, under its lock; those of other interpreters are left to them.
namespace fittest::heap::track {

// The functions of fittest/heap.h; the caller holds the interpreter lock.
int begin_python_objects();
int end_python_objects();
void* take_python_objects();

// In a forked child: what was noted is its parent's, and nothing is noted on.
void abandon_python_objects();

}  // namespace fittest::heap::track
