#pragma once
// `fittest ci SERVICE`: what a service for continuous integration, or a cluster, is told of a suite.
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

namespace fittest::cli {

// Adds the verb; each service is a verb below it. `command` is what the user typed. Sets `code` when one was given.
void add_ci_verb(CLI::App& app, std::vector<std::string> command, std::optional<int>& code);

}  // namespace fittest::cli
