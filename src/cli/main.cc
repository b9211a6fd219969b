// fittest VERB ...: one file for each verb beside this one.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>

#include "cli/config_file.h"
#include "cli/history.h"
#include "cli/pytest.h"
#include "report/screen.h"

namespace {

constexpr int kInternalError = 3;
constexpr int kUsage = 4;

int show_history(fittest::cli::HistoryOptions options) {
  const auto config = fittest::cli::read_config(".");
  if (!config) {
    std::cerr << "fittest: " << config.error().text() << "\n";
    return kUsage;
  }
  if (config->history && options.file == fittest::cli::HistoryOptions().file) options.file = config->history->value;
  if (::isatty(STDOUT_FILENO) != 0) options.columns = fittest::report::terminal_columns(STDOUT_FILENO);
  return fittest::cli::run_history(options, std::cout, std::cerr);
}

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
  if (history_verb->parsed()) return show_history(std::move(history));
  return code.value_or(0);
}

}  // namespace

int main(int argc, char** argv) {
  // Errors of writing, not the end of the run: a reader that goes away, a limit on the size of files.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "fittest: internal error: " << problem.what() << "\n  -> this is a bug: please report it\n";
    return kInternalError;
  }
}
