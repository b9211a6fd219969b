#pragma once
// `fittest merge RUN...`: the runs of several machines as one.
#include <CLI/CLI.hpp>
#include <optional>

namespace fittest::cli {

// Adds the verb; when it is parsed it does its work and puts the exit code into `code`, which must outlive `app`.
void add_merge_verb(CLI::App& app, std::optional<int>& code);

}  // namespace fittest::cli
