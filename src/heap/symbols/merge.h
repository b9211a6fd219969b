#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "heap/symbols/line.h"

namespace fittest::heap {

// Whose code a native frame is.
enum class Owner {
  other,
  interpreter,  // CPython's own, built-in modules included
  system,       // of the C library and the loader, which start programs and threads
};

// A native frame with its names, which are numbers of lines here: the function last, what was inlined into it before.
struct NamedFrame {
  std::vector<std::uint32_t> lines;
  bool loop = false;       // CPython's evaluation loop
  bool allocator = false;  // what gives out memory: malloc, operator new, ...
  Owner owner = Owner::other;
};

struct NamedPythonFrame {
  std::uint32_t line = 0;
  bool entry = false;  // as PythonFrame::entry
};

// The function that runs Python code.
inline constexpr std::string_view kEvaluationLoop = "_PyEval_EvalFrameDefault";

// Says what a frame is by its function, the last of its lines; `lines` stays empty. `embeds_python`: CPython is linked
// into the object, with code of another's; its functions are then known by their names (those of extension modules,
// which begin with Py as well, are in objects of their own).
NamedFrame kind_of(const Line& function, bool embeds_python);

// One stack out of both, innermost first. A frame of the evaluation loop stands for the Python frames up to and
// including the next with `entry` set. What the numbers leave over: Python frames go to the outer end; frames of the
// loop stay what they are. The calls that give out memory are left out at the inner end, so that the stack begins with
// who asked. Without `native`, a stack with Python frames is also without CPython's own functions, and without what
// started the program or thread.
std::vector<std::uint32_t> merge(const std::vector<const NamedFrame*>& native,
                                 const std::vector<NamedPythonFrame>& python, bool native_too);

}  // namespace fittest::heap
