#pragma once
#include <CLI/CLI.hpp>
#include <optional>

namespace fittest::cli {

// `fittest heap leaks TRACE...`, below the verb `heap`: what the tests that traces mark left behind.
void add_heap_leaks(CLI::App& heap, std::optional<int>& code);

}  // namespace fittest::cli
