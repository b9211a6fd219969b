#pragma once
#include <CLI/CLI.hpp>
#include <optional>

namespace fittest::cli {

// `fittest submit slurm`, and `fittest ci slurm` beside the other services of that verb: a suite in groups, each a task
// of a Slurm job array. To be called after add_ci_verb. The exit code is left in `code`.
void add_slurm_verbs(CLI::App& app, std::optional<int>& code);

}  // namespace fittest::cli
