#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "report/event.h"

namespace fittest::merge {

// Where a test stands in the sources, as far as its id and its failure's text say.
struct Location {
  std::string_view file;  // of the id; empty where it has none
  std::optional<std::uint32_t> line;
};

// The line is that of the last place in the test's own file that the text names: "tests/a.py:12: AssertionError", or
// 'File "/src/tests/a.py", line 12'.
Location location_of(std::string_view id, std::string_view message);

// What went wrong, in one line: the detail; else the first line that pytest marks as the error ("E   ..."); else the
// first line.
std::string reason_of(const report::TestFinished& test);

}  // namespace fittest::merge
