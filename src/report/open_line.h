#pragma once
#include <string_view>

namespace fittest::report {

// Where the cursor stands after an unfinished line that began in the first column of a terminal.
struct OpenLine {
  // Nothing but text, colours and movements within the row: it can be left, and come back to, without harm.
  bool tame = true;
  bool whole = true;    // does not end within an escape sequence or a UTF-8 character
  unsigned row = 0;     // below the row it began in
  unsigned column = 0;  // from 0; equal to `columns` where the next character goes to the row below
};
OpenLine measure(std::string_view text, unsigned columns);

}  // namespace fittest::report
