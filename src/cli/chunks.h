#pragma once
#include <CLI/CLI.hpp>
#include <optional>

namespace fittest::cli {

// `fittest chunks`. The verb's exit code goes into `code` when it has run.
void add_chunks_verb(CLI::App& app, std::optional<int>& code);

}  // namespace fittest::cli
