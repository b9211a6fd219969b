#pragma once
#include <CLI/CLI.hpp>
#include <optional>

namespace fittest::cli {

// `fittest heap check FILE [--memory SIZE] [--leaks SIZE]`, below the verb `heap`: whether what a trace records stays
// within limits. Leaves 0 in `code` where it does, 1 where it does not (what broke the limit is printed), 4 where the
// trace cannot be read. include/fittest/limits.h asks it.
void add_heap_check(CLI::App& heap, std::optional<int>& code);

}  // namespace fittest::cli
