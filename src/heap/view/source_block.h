#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fittest::heap {

// A source file in lines, without their ends.
std::vector<std::string> split_lines(std::string_view text);

// The line behind the last of the Python function, class or decorated definition whose first line (a decorator's, if it
// has any) is `first`, counted from 0: where the indentation falls back, outside of brackets and strings. A line that
// begins no block is a block of its own. Blank lines and comments at the end are not part of it.
std::size_t python_block_end(const std::vector<std::string>& lines, std::size_t first);

// Whether one of the decorators from line `first` on is `@profile`, with or without a call.
bool is_marked_profile(const std::vector<std::string>& lines, std::size_t first);

}  // namespace fittest::heap
