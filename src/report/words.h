#pragma once
// Figures and texts as fittest's lines show them.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"

namespace fittest::report {

std::string format_count(std::uint64_t count);  // "8,669"
// "8,669 tests", "1 test".
std::string counted(std::uint64_t count, std::string_view noun);
// "40 ms", "3.4 s", "85 s", "12 min 05 s", "3 h 07 min".
std::string format_span(Seconds span);
// "2.1 of 4.0 GiB", the unit of the first left out where it is the same.
std::string format_share(Bytes part, Bytes whole, std::string_view between);

// Somebody else's text for a line of ours: control characters become spaces, what is no UTF-8 U+FFFD, ends trimmed.
std::string one_line(std::string_view text);

// Breaks at spaces so that no line is wider than `columns`, where words allow it; all lines but the first begin with
// `indent` spaces.
std::vector<std::string> wrap(std::string_view text, std::size_t columns, std::size_t indent);

}  // namespace fittest::report
