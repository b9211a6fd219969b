#include "heap/symbols/merge.h"

#include <algorithm>
#include <array>

namespace fittest::heap {
namespace {

std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// Whether `name` is `stem` with versions behind: "libc.so.6", "libc-2.31.so".
bool is_library(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem) || name.size() == stem.size()) return false;
  const char behind = name[stem.size()];
  return (behind == '.' || behind == '-') && name.find(".so", stem.size()) != std::string_view::npos;
}

// "python", "python3.11", "python3.13t", "libpython3.11.so.1.0": objects that hold nothing but CPython.
bool is_interpreter(std::string_view name) {
  if (is_library(name, "libpython3")) return true;
  if (!name.starts_with("python")) return false;
  name.remove_prefix(std::string_view("python").size());
  return name.find_first_not_of("0123456789.dtm") == std::string_view::npos;
}

bool is_system(std::string_view name) {
  return is_library(name, "libc") || is_library(name, "libpthread") || name.starts_with("ld-linux") ||
         is_library(name, "ld");
}

bool is_tracker(std::string_view name) {
  return is_library(name, "libfittest_heap");
}

// CPython's evaluation loop; built with tail calls (3.14), each instruction is a function of its own.
bool is_loop(std::string_view function) {
  return function == kEvaluationLoop || function.starts_with("_TAIL_CALL_");
}

bool is_allocator(std::string_view function) {
  static constexpr std::array<std::string_view, 21> kNames{"malloc",
                                                           "calloc",
                                                           "realloc",
                                                           "reallocarray",
                                                           "memalign",
                                                           "aligned_alloc",
                                                           "posix_memalign",
                                                           "valloc",
                                                           "pvalloc",
                                                           "mmap",
                                                           "mmap64",
                                                           "mremap",
                                                           "brk",
                                                           "sbrk",
                                                           "__libc_malloc",
                                                           "__libc_calloc",
                                                           "__libc_realloc",
                                                           "__libc_memalign",
                                                           "__mmap",
                                                           "__sbrk",
                                                           "__default_morecore"};
  if (function.starts_with("operator new(") || function.starts_with("operator new[](")) return true;
  return std::find(kNames.begin(), kNames.end(), function) != kNames.end();
}

bool is_cpython_name(std::string_view function) {
  return function.starts_with("Py") || function.starts_with("_Py");
}

}  // namespace

NamedFrame kind_of(const Line& function, bool embeds_python) {
  NamedFrame frame;
  const std::string_view name = function.function;
  const std::string_view object = base_name(function.module);
  frame.loop = is_loop(name);
  frame.allocator = is_tracker(object) || is_allocator(name);
  if (is_interpreter(object) || frame.loop || (embeds_python && is_cpython_name(name))) {
    frame.owner = Owner::interpreter;
  } else if (is_system(object)) {
    frame.owner = Owner::system;
  }
  return frame;
}

std::vector<std::uint32_t> merge(const std::vector<const NamedFrame*>& native,
                                 const std::vector<NamedPythonFrame>& python, bool native_too) {
  std::vector<std::uint32_t> lines;
  lines.reserve(native.size() + python.size());
  std::size_t kept = 0;  // of `lines`, what more than starting the program is
  auto next = python.begin();
  const auto add_python = [&](bool up_to_entry) {
    while (next != python.end()) {
      lines.push_back(next->line);
      const bool entry = (next++)->entry;
      kept = lines.size();
      if (up_to_entry && entry) break;
    }
  };

  auto frame = native.begin();
  while (frame != native.end() && (*frame)->allocator) ++frame;
  // Nothing but such calls: the outermost says most.
  if (frame == native.end() && frame != native.begin() && python.empty()) --frame;
  const bool plain = native_too || python.empty();
  for (; frame != native.end(); ++frame) {
    if ((*frame)->loop && next != python.end()) {
      add_python(true);
      continue;
    }
    if (!plain && (*frame)->owner == Owner::interpreter) continue;
    lines.insert(lines.end(), (*frame)->lines.begin(), (*frame)->lines.end());
    if ((*frame)->owner != Owner::system) kept = lines.size();
  }
  if (!plain) lines.resize(kept);
  add_python(false);
  return lines;
}

}  // namespace fittest::heap
