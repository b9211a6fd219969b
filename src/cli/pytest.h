#pragma once
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

namespace fittest::cli {

// `fittest pytest [FITTEST OPTIONS] [PYTEST ARGS]`. `command`: the whole command line, for the records. The verb runs
// when the line is parsed, and leaves its exit code in `code`.
void add_pytest_verb(CLI::App& app, std::vector<std::string> command, std::optional<int>& code);

}  // namespace fittest::cli
