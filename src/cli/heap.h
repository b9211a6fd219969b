#pragma once
#include <CLI/CLI.hpp>
#include <optional>

namespace fittest::cli {

// fittest heap run|report|diff|check|growth|leaks.
void add_heap_verb(CLI::App& app, std::optional<int>& code);

// Its parts, each a verb of its own below `heap`.
void add_heap_run_verb(CLI::App& heap, std::optional<int>& code);
void add_heap_report_verb(CLI::App& heap, std::optional<int>& code);
void add_heap_diff_verb(CLI::App& heap, std::optional<int>& code);

}  // namespace fittest::cli
