#pragma once
#include <string>
#include <vector>

#include "heap/view/look.h"
#include "heap/view/stacks.h"

namespace fittest::heap {

// A profile and its names, put together by hand.
class Made {
 public:
  Profile profile;

  Made();
  // Frames innermost first: "python load app.py:12", "native parse(char const*) parse.cc:40 /usr/lib/libparse.so",
  // "inlined ...". Returns the figures of a new stack.
  Figures& stack(std::vector<Line> lines, const Amounts& amounts, trace::Kind kind = trace::Kind::heap);
  // After all stacks: the sums.
  Made& add_up();
  [[nodiscard]] LinesOf lines_of() const;
  [[nodiscard]] Stacks gathered() const;

 private:
  std::vector<std::vector<Line>> lines_;
};

Line python(std::string function, std::string file, std::uint32_t line);
Line native(std::string function, std::string file, std::uint32_t line, std::string module = "/usr/bin/app");

// Peak, total, leaked, temporary in KiB, each in so many allocations.
Amounts kib(double peak, double total, double leaked, double temporary, double count = 1);
// The same with a standard deviation of `share` of each.
Amounts sampled(Amounts amounts, double share);

// A Python program that reads a file, and one in C++: with Python and native frames, inlined ones, mapped memory.
Made python_program();
Made native_program();

inline const Look kNarrow{80, report::Style(false)};
inline const Look kUnlimited{0, report::Style(false)};

}  // namespace fittest::heap
