#pragma once
// The Python frames of the calling thread, read from the interpreter's own memory.
//
// Callable from inside an allocation, in any thread, with or without the interpreter lock, while the interpreter starts
// and ends, after fork, and where there is no interpreter at all. Nothing here allocates, locks, counts references,
// runs Python code or calls what may raise. What is read belongs to the calling thread: its thread state, the frames
// that it executes and their code objects, which those frames hold. find_python() of python_layout.h comes first.
#include <cstddef>
#include <cstdint>
#include <span>

namespace fittest::heap::track {

struct PythonFrameRef {
  std::uint64_t code;    // address of the code object; 0: see walk_python
  std::uint32_t offset;  // of the current instruction: bytes of bytecode, as frame.f_lasti says; 0 before the first
  bool entry;            // the evaluation loop was entered for this frame
};

// walk_python() gives no more frames than this.
inline constexpr std::size_t kMostPythonFrames = 1024;

// Puts the frames of the calling thread into `out`, innermost first, and returns how many: at most `capacity` and
// kMostPythonFrames, the innermost ones. 0 where the thread runs no Python code. A thread that waits or computes
// without the interpreter lock has frames too. There are as many entries (`entry`) as native frames of the evaluation
// loop. From 3.12 on the loop outlives its outermost frame by a little, in which that frame's variables are destroyed:
// such a loop has a place with the code address 0 and `entry` set, which is no frame. Frames are those of
// sys._getframe() and those that it does not show because they still make their cells. Not seen: frames of a
// sub-interpreter up to 3.11 (those of the code that runs it are seen), and frames outside of the running greenlet:
// there the native stack has more loops than there are entries, and the innermost ones are these. What cannot be
// guarded against: a program that hands a thread state to another thread (PyEval_RestoreThread with that of a thread
// that goes on allocating) up to 3.11.
std::size_t walk_python(PythonFrameRef* out, std::size_t capacity);

// A number that differs if another code object lies at `code` now than did before, but for a chance of about 2^-64 for
// each pair (up to 3.11: where not even the name's hash, the line table's start and all addresses differ).
// `code` must be of a frame that walk_python() just gave.
std::uint64_t python_code_fingerprint(std::uint64_t code);

// What there is to say of a code object.
struct CodeText {
  std::span<char> name;  // qualified (3.9, 3.10: plain) name; in: where to put it; out: what was put there
  std::span<char> file;  // likewise
  std::int32_t first_line = 0;
  std::uint32_t minor = 0;  // 3.`minor`: how `line_table` is to be read
  // co_linetable (3.9: co_lnotab) where the interpreter has it: valid for as long as the frame runs.
  std::span<const unsigned char> line_table = {};
};

// Fills `text` for the code object of a frame that walk_python() just gave. Texts are UTF-8, cut at a whole character
// where the buffer ends; code points that UTF-8 has no form for (surrogates) become "?". False, with `text` unchanged,
// if `code` is 0 or no code object.
bool describe_python_code(std::uint64_t code, CodeText& text);

}  // namespace fittest::heap::track
