#pragma once
#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "run/selection.h"

namespace fittest::cli {

// `fittest split --plan N [OPTIONS] [PYTEST ARGS]`: what each of N groups would take, and the lower bound; the plan as
// a file for all jobs. The verb runs when the line is parsed, and leaves its exit code in `code`.
void add_split_verb(CLI::App& app, std::optional<int>& code);

// The table it prints, at most 80 columns wide.
std::string split_table(const run::PlannedSplit& planned);

}  // namespace fittest::cli
