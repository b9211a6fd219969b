#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "heap/symbols/line.h"
#include "heap/view/measure.h"

namespace fittest::heap {

// The names of a stack of the profile, innermost first, inlined frames included.
using LinesOf = std::function<std::vector<Line>(std::uint32_t stack)>;

// The same for going through all stacks: most frames are in many of them, and a name is handed over once.
struct NamesOf {
  std::function<std::vector<std::uint32_t>(std::uint32_t stack)> frames;  // numbers of lines
  std::function<const Line&(std::uint32_t number)> line;                  // one that `frames` gave
};

// What one stack, as a reader sees it, allocated of one kind of memory.
struct StackRow {
  std::vector<std::uint32_t> frames;  // innermost first, indices into Stacks::lines; never empty
  trace::Kind kind = trace::Kind::heap;
  Amounts amounts{};
  std::uint64_t largest = 0;
};

// A profile's figures under the names that reports show. Stacks that differ in nothing a reader could see are one row;
// the functions that allocate for others (malloc, operator new ...) are left off the inner end.
struct Stacks {
  std::vector<Line> lines;
  std::vector<StackRow> rows;  // in the order of the profile
  Amounts sums{};              // of the rows

  // Rows with something of that measure, the largest first; equal ones in the order of the profile.
  [[nodiscard]] std::vector<const StackRow*> ranked(Measure measure) const;
};

Stacks gather(const Profile& profile, const NamesOf& names);

// What Python's own allocators gave out. Where they are recorded, the memory that they get for it is not.
bool is_pythons(trace::Kind kind);

// "mapped by mmap", "Python object memory"; "" for the heap.
std::string_view describe(trace::Kind kind);
std::string_view word(trace::Kind kind);  // "heap", "mapped", "python_object"

// Where a frame is: "app.py:12", "libm.so.6", "". The file as it was recorded, the object's without its folders.
std::string place_of(const Line& line);

// A function's name in at most `columns`: template arguments go first, then the middle. 0: as it is.
std::string short_function(const std::string& name, std::size_t columns);

}  // namespace fittest::heap
