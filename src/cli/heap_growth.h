#pragma once
#include <CLI/CLI.hpp>
#include <optional>

namespace fittest::cli {

// `fittest heap growth FILE [--json]`, below the verb `heap`: what grows with each of the marks in a trace
// (fittest_heap_mark), which stand for repetitions of the same work.
void add_heap_growth(CLI::App& heap, std::optional<int>& code);

}  // namespace fittest::cli
