#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "heap/view/look.h"
#include "heap/view/stacks.h"

namespace fittest::heap {

// The text of a source file; nothing where it cannot be read.
using SourceOf = std::function<std::optional<std::string>(const std::string& file)>;

struct SourceLinesOptions {
  // Globs of function names, or names with or without what stands before the last "." or "::". Empty: the Python
  // functions that are marked @profile in their source.
  std::vector<std::string> functions;
  Measure by = Measure::peak;  // the first column
  std::size_t limit = 0;       // functions; 0: all
};

// Line by line: the source of the chosen functions, and what each of their lines allocated, itself or in what it
// called. The function with most comes first. `codes` say where Python's functions begin. Errors: no function is chosen
// so.
Result<std::string> source_lines_text(const Stacks& stacks, const std::vector<Code>& codes, const SourceOf& source_of,
                                      const SourceLinesOptions& options, const Look& look);

}  // namespace fittest::heap
