// fittest VERB ...: one file for each verb beside this one.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>

#include "cli/chunks.h"
#include "cli/ci.h"
#include "cli/config_file.h"
#include "cli/doctor.h"
#include "cli/heap.h"
#include "cli/history.h"
#include "cli/labels.h"
#include "cli/merge.h"
#include "cli/pytest.h"
#include "cli/split.h"
#include "cli/submit.h"
#include "report/screen.h"
#include "suite/pytest/interpreter.h"

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

int show_doctor(fittest::cli::DoctorOptions options) {
  const auto python = fittest::suite::pytest::find_interpreter(std::nullopt, "");
  const auto usable =
      python ? fittest::suite::pytest::try_interpreter(*python) : fittest::Result<void>(tl::unexpected(python.error()));
  if (!usable) {
    // Other frameworks need no Python: worth saying, and no blocker.
    const fittest::Error& error = usable.error();
    options.more_findings.push_back({fittest::memory::Severity::warning,
                                     "fittest pytest has no interpreter: " + error.where + ": " + error.what,
                                     error.remedy});
  }
  return fittest::cli::run_doctor(std::cout, options);
}

int run(int argc, char** argv) {
  CLI::App app("Runs every test of a suite inside the memory there is.", "fittest");
  app.set_version_flag("--version", "fittest " FITTEST_VERSION);
  app.require_subcommand(1);
  app.footer("Start with: fittest pytest");
  std::optional<int> code;
  fittest::cli::add_pytest_verb(app, {argv, argv + argc}, code);
  fittest::cli::add_merge_verb(app, code);
  fittest::cli::add_labels_verb(app, code);
  fittest::cli::add_chunks_verb(app, code);
  fittest::cli::add_split_verb(app, code);
  fittest::cli::add_ci_verb(app, {argv, argv + argc}, code);
  fittest::cli::add_slurm_verbs(app, code);
  fittest::cli::add_heap_verb(app, code);
  fittest::cli::HistoryOptions history;
  const CLI::App* history_verb = fittest::cli::add_history_verb(app, history);
  fittest::cli::DoctorOptions doctor;
  CLI::App* doctor_verb =
      app.add_subcommand("doctor", "What limits memory here, what will be used, what to do about it");
  doctor_verb->add_option("--budget", doctor.budget, "As for a run")->type_name("SIZE");
  doctor_verb->add_flag_callback(
      "--json", [&] { doctor.format = fittest::cli::DoctorFormat::json; }, "For programs");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : kUsage;
  }
  if (history_verb->parsed()) return show_history(std::move(history));
  if (doctor_verb->parsed()) return show_doctor(std::move(doctor));
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
