#pragma once
// What a trace says, added up by stack. Addresses are not yet names: symbols/ does that.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "heap/trace/format.h"

namespace fittest::heap {

// An object that was mapped into the process.
struct Module {
  std::string path;
  std::string build_id;  // raw bytes
  std::uint64_t bias = 0;
  std::uint64_t begin = 0, end = 0;
};

// A Python code object, with its line table as it lay in memory.
struct Code {
  std::string name;
  std::string file;
  std::uint32_t first_line = 0;
  std::uint32_t python_minor = 0;
  std::string line_table;
};

inline constexpr std::uint32_t kNoModule = UINT32_MAX;

struct NativeFrame {
  std::uint64_t address = 0;         // a return address; the innermost too
  std::uint32_t module = kNoModule;  // index into Profile::modules, as mapped when the stack was first seen
  auto operator<=>(const NativeFrame&) const = default;
};

struct PythonFrame {
  std::uint32_t code = 0;    // index into Profile::codes
  std::uint32_t offset = 0;  // of the instruction, in bytes of the code object's bytecode
  bool entry = false;        // the native loop was entered for this frame
  auto operator<=>(const PythonFrame&) const = default;
};

// Innermost first. A stack that could not be walked is empty.
struct Stack {
  std::vector<NativeFrame> native;
  std::vector<PythonFrame> python;
};

// A sum over allocations. In a sampled trace an unbiased estimate, with its variance.
struct Amount {
  double bytes = 0;  // asked for
  double count = 0;
  double variance = 0;  // of bytes; 0: exact

  Amount& operator+=(const Amount& other) {
    bytes += other.bytes;
    count += other.count;
    variance += other.variance;
    return *this;
  }
};

// What one stack (and kind of memory, and thread) allocated.
struct Figures {
  std::uint32_t stack = 0;
  trace::Kind kind = trace::Kind::heap;
  Amount total;
  Amount peak;                // of it alive at the moment when most was
  Amount leaked;              // alive at the end
  Amount temporary;           // freed by the same thread before it allocated anything else
  std::uint64_t largest = 0;  // bytes of the largest single allocation recorded
};

struct Note {
  std::string key;
  std::string value;
};

// Sizes asked for, in powers of two: bucket i counts those of [2^i, 2^(i+1)) bytes, bucket 0 those of 0 and 1.
struct Histogram {
  std::vector<double> counts;
};

// How the trace ends.
enum class Ending { ended, cut_off, running };

// Memory over time, thinned to at most some thousand points.
struct Moment {
  std::uint64_t milliseconds = 0;
  std::uint64_t live = 0;
};

// What one stack (and kind of memory) allocated in one test.
struct TestFigures {
  std::uint32_t stack = 0;
  trace::Kind kind = trace::Kind::heap;
  Amount total;
  Amount kept;   // of it alive when the test ended; of one that runs, now
  Amount alive;  // of that alive now: in ReadOptions::on_test the same, in Profile::tests at the end of the trace
};

// What one stack (and kind of memory) held at some moment.
struct AliveFigures {
  std::uint32_t stack = 0;
  trace::Kind kind = trace::Kind::heap;
  Amount alive;
};

// A test that the trace marks. Its figures by stack are told when it ends (ReadOptions::on_test), and not kept.
struct TestProfile {
  std::uint32_t index = 0;  // in the order of their beginnings
  std::string name;
  trace::Counters begin{}, end{};
  std::uint64_t peak = 0;  // the most bytes held in it, by the counters
  bool ended = false;      // false: the trace ends within it
  std::vector<TestFigures> figures;
};

struct Profile {
  std::string file;
  std::string program;
  std::uint32_t process = 0;
  std::uint32_t parent_process = 0;
  trace::Mode mode = trace::Mode::count;
  std::uint64_t period = 0;
  std::uint64_t milliseconds = 0;
  trace::Counters counters{};
  trace::Counters at_start{};
  std::uint64_t lost = 0;
  Ending ending = Ending::cut_off;
  std::uint64_t records = 0;
  std::uint64_t unknown_frees = 0;    // of memory that was there before the trace, or not sampled
  std::uint64_t inherited_frees = 0;  // of memory that the parent process had allocated, where its trace was given

  std::vector<Module> modules;
  std::vector<Code> codes;
  std::vector<Stack> stacks;
  std::vector<Figures> figures;  // by stack, then kind; every stack with an allocation
  // Sums of figures, of all kinds: where Python's allocators are watched, what they themselves get is not recorded.
  Amount total, peak, leaked, temporary;
  std::uint64_t peak_milliseconds = 0;  // when most was held
  Histogram sizes;
  std::vector<Moment> moments;
  // The tests that the trace marks. Where their figures were asked for: those of the stacks of which something is still
  // alive at the end of the trace.
  std::vector<TestProfile> tests;
  std::vector<Note> notes;
  std::vector<std::string> problems;  // what could not be read, said for the user
};

}  // namespace fittest::heap
