// fittest VERB ...: one file for each verb beside this one.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "cli/history.h"
#include "cli/pytest.h"

namespace {

constexpr int kInternalError = 3;
constexpr int kUsage = 4;

int run(int argc, char** argv) {
  CLI::App app("Runs every test of a suite inside the memory there is.", "fittest");
  app.set_version_flag("--version", "fittest " FITTEST_VERSION);
  app.require_subcommand(1);
  app.footer("Start with: fittest pytest");
  std::optional<int> code;
  fittest::cli::add_pytest_verb(app, {argv, argv + argc}, code);
  fittest::cli::HistoryOptions history;
  const CLI::App* history_verb = fittest::cli::add_history_verb(app, history);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : kUsage;
  }
  if (history_verb->parsed()) return fittest::cli::run_history(history, std::cout, std::cerr);
  return code.value_or(0);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "fittest: internal error: " << problem.what() << "\n  -> this is a bug: please report it\n";
    return kInternalError;
  }
}
