#pragma once
// `fittest labels`: the labels of a suite's tests, and whether those written by hand are what the measurements say.
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

namespace fittest::cli {

enum class LabelsTask { list, check, write_patch };

struct LabelsOptions {
  LabelsTask task = LabelsTask::list;
  std::optional<std::string> python;
  std::optional<std::string> expression;
  std::vector<std::string> only;       // labels to check; none: those written on a test at least
  std::vector<std::string> arguments;  // pytest's
};

// The verb's exit code goes into `code` when it has run: 0, 1 where labels and measurements disagree, 4 for bad input.
void add_labels_verb(CLI::App& app, std::optional<int>& code);

}  // namespace fittest::cli
