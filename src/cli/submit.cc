#include "cli/submit.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>

#include "cli/interpreter.h"
#include "cli/listing.h"
#include "cli/refuse.h"
#include "cluster/ask.h"
#include "cluster/session_size.h"
#include "cluster/slurm_array.h"
#include "core/atomic_file.h"
#include "export/bash_words.h"
#include "export/slurm.h"
#include "export/slurm_listing.h"
#include "export/slurm_need.h"
#include "report/screen.h"
#include "report/words.h"
#include "run/run_folder.h"
#include "select/split_plan.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;
using exporting::bash_words;
using exporting::NeedOptions;

constexpr int kInterrupted = 2;
constexpr Bytes kUsualSession = MiB(128);
constexpr const char* kWithoutSlurm = "`fittest ci slurm` prints the script, for submitting it by hand elsewhere";

struct Asked {
  unsigned splits = 1;
  unsigned workers = 1;
  std::string dist;
  std::optional<std::string> budget;
  std::optional<std::string> most_memory;
  std::optional<double> minutes;
  std::optional<std::string> partition;
  std::vector<std::string> sbatch_arguments;
  unsigned retries = 2;
  std::optional<std::string> results;
  std::optional<std::string> python;
  std::optional<std::string> expression;
  double between_looks = 5;
  std::vector<std::string> arguments;
};

// All that a job array is made of.
struct Array {
  exporting::SlurmJob job;
  exporting::SlurmNeed need;
  std::optional<Bytes> most_memory;
  select::SplitPlan plan;
};

Result<std::optional<Bytes>> size_from(const std::optional<std::string>& text, const std::string& option) {
  if (!text) return std::nullopt;
  const auto bytes = parse_bytes(*text);
  if (!bytes) return failure(bytes.error().what, option, bytes.error().remedy);
  if (*bytes < MiB(16)) return failure("is too small for any test", option, "write for example " + option + " 2G");
  return *bytes;
}

Result<exporting::SlurmJob> make_job(const Asked& asked, const Config& config) {
  exporting::SlurmJob job;
  std::error_code problem;
  job.program = fs::read_symlink("/proc/self/exe", problem);
  job.folder = fs::current_path();
  job.results = fs::absolute(asked.results ? fs::path(*asked.results) : fs::path(".fittest/slurm") / run::new_run_id());
  job.results = job.results.lexically_normal();
  if (job.results.string().find_first_of("\\\n") != std::string::npos) {
    return failure("Slurm takes no folder with a backslash or a line feed in its name", job.results.string(),
                   "name another with --results");
  }
  const auto python = choose_interpreter(asked.python, config);
  if (!python) return tl::unexpected(python.error());
  job.python = python->path;
  job.workers = asked.workers;
  job.partition = asked.partition;
  job.sbatch_arguments = asked.sbatch_arguments;
  if (!asked.dist.empty()) job.arguments = {"--dist", asked.dist};
  if (asked.expression) job.arguments.insert(job.arguments.end(), {"-E", *asked.expression});
  job.arguments.insert(job.arguments.end(), asked.arguments.begin(), asked.arguments.end());
  return job;
}

// Lists the suite and splits it.
Result<Array> make_array(const Asked& asked, NeedOptions::SharedPages shared_pages) {
  const auto config = read_config(".");
  if (!config) return tl::unexpected(config.error());
  Array array;
  auto job = make_job(asked, *config);
  if (!job) return tl::unexpected(job.error());
  array.job = std::move(*job);
  const auto budget = size_from(asked.budget, "--budget");
  if (!budget) return tl::unexpected(budget.error());
  const auto most = size_from(asked.most_memory, "--max-mem");
  if (!most) return tl::unexpected(most.error());
  array.most_memory = *most;

  ListingOptions what;
  what.python = asked.python;
  what.arguments = {"--splits", std::to_string(asked.splits), "--group", "1", "-n", std::to_string(asked.workers)};
  if (!asked.dist.empty()) what.arguments.insert(what.arguments.end(), {"--dist", asked.dist});
  what.arguments.insert(what.arguments.end(), asked.arguments.begin(), asked.arguments.end());
  what.groups = ListingOptions::Groups::all;
  what.budget = *budget;
  if (asked.expression) {
    auto expression = select::Expression::parse(*asked.expression, "-E");
    if (!expression) return tl::unexpected(expression.error());
    what.expression = std::move(*expression);
  }
  const auto listing = list_suite(what, *config);
  if (!listing) return tl::unexpected(listing.error());
  for (const std::string& notice : listing->notices) std::cerr << "fittest: " << notice << "\n";

  if (!listing->planned || listing->planned->split.groups.size() != asked.splits) {
    return failure("the suite was not split into " + report::counted(asked.splits, "group"), "--splits",
                   "leave --splits out of pytest's own options");
  }
  const select::Split& split = listing->planned->split;
  array.plan = select::make_plan("pytest", listing->tests, split, listing->planned->options);
  std::vector<std::vector<plan::Prediction>> groups(asked.splits);
  for (TestIndex test = 0; test < listing->tests.size(); ++test) {
    groups[split.group_of[test]].push_back(listing->predictions[test]);
  }
  array.need =
      exporting::slurm_need(groups, {.workers = asked.workers,
                                     .session = cluster::last_session_size(".fittest").value_or(kUsualSession),
                                     .budget = *budget,
                                     .time = asked.minutes ? std::optional<Seconds>(*asked.minutes * 60) : std::nullopt,
                                     .most_memory = *most,
                                     .shared_pages = shared_pages});
  return array;
}

std::vector<unsigned> all_groups(const Asked& asked) {
  std::vector<unsigned> groups;
  for (unsigned group = 1; group <= asked.splits; ++group) groups.push_back(group);
  return groups;
}

// What a cluster says of itself. Errors: there is none.
Result<NeedOptions::SharedPages> ask_cluster() {
  auto interruption = cluster::Interruption::watch();
  if (!interruption) return tl::unexpected(interruption.error());
  for (const char* program : {"sbatch", "squeue", "scancel"}) {
    const auto version = cluster::ask({program, "--version"}, *interruption);
    if (!version) return failure("there is no Slurm here: " + version.error().what, program, kWithoutSlurm);
  }
  const auto config = cluster::ask({"scontrol", "show", "config"}, *interruption);
  if (!config) return failure("there is no Slurm here: " + config.error().what, "scontrol", kWithoutSlurm);
  if (config->interrupted) return failure("interrupted");
  if (!config->answer.ok()) {
    return failure("the cluster does not answer: " + report::one_line(config->answer.error), "scontrol", kWithoutSlurm);
  }
  return exporting::counts_shared_pages_each(config->answer.output) ? NeedOptions::SharedPages::count_each
                                                                    : NeedOptions::SharedPages::count_once;
}

// The folder is this array's alone: what an earlier one left there would be taken for its own.
Result<void> write_files(const Array& array) {
  const fs::path& results = array.job.results;
  std::error_code problem;
  fs::create_directories(results, problem);
  if (problem) return failure("cannot be made: " + problem.message(), results.string(), "name another with --results");
  if (!fs::is_empty(results, problem)) {
    return failure("holds something already", results.string(), "name another with --results, or remove it");
  }
  if (const auto written = write_file(array.job.plan(), array.plan.to_json()); !written) return written;
  return write_file(array.job.script(), exporting::slurm_script(array.job));
}

// Becomes another verb of this program.
int go_on_as(std::vector<std::string> command) {
  std::vector<char*> pointers;
  for (std::string& part : command) pointers.push_back(part.data());
  pointers.push_back(nullptr);
  ::execv("/proc/self/exe", pointers.data());
  return refuse(system_failure(errno, "cannot be executed", bash_words(command)).value());
}

int submit_slurm(const Asked& asked) {
  const auto shared_pages = ask_cluster();
  if (!shared_pages) return refuse(shared_pages.error());
  const auto array = make_array(asked, *shared_pages);
  if (!array) return refuse(array.error());
  if (const auto written = write_files(*array); !written) return refuse(written.error());

  const cluster::ArrayOptions options{.job = array->job,
                                      .need = array->need,
                                      .groups = asked.splits,
                                      .attempts = asked.retries + 1,
                                      .most_memory = array->most_memory,
                                      .between_looks = asked.between_looks};
  const std::vector<std::string> merge = {"fittest", "merge", array->job.results.string()};
  {
    report::Screen screen(STDOUT_FILENO, report::screen_options("auto", STDOUT_FILENO));
    auto interruption = cluster::Interruption::watch();
    if (!interruption) return refuse(interruption.error());
    const auto end = cluster::run_slurm_array(options, *interruption, screen);
    if (!end) return refuse(end.error());
    if (end->interrupted) {
      screen.line("fittest: what has ended can be merged: " + bash_words(merge));
      return kInterrupted;
    }
  }
  std::cout << std::flush;
  return go_on_as(merge);
}

int print_slurm(const Asked& asked) {
  const auto shared_pages = ask_cluster();
  const auto array = make_array(asked, shared_pages.value_or(NeedOptions::SharedPages::count_each));
  if (!array) return refuse(array.error());
  const std::string script = array->job.script().string();
  std::vector<std::string> split = {"fittest",   "split",
                                    "--plan",    std::to_string(asked.splits),
                                    "--out",     array->job.plan().string(),
                                    "--workers", std::to_string(asked.workers)};
  if (asked.budget) split.insert(split.end(), {"--budget", *asked.budget});
  if (!asked.dist.empty()) split.insert(split.end(), {"--dist", asked.dist});
  if (asked.expression) split.insert(split.end(), {"-E", *asked.expression});
  split.insert(split.end(), asked.arguments.begin(), asked.arguments.end());
  std::cout << exporting::slurm_script(
      array->job, {"", "Written by: fittest ci slurm. To submit it, in the folder of the suite:", "",
                   "  " + bash_words({"mkdir", "-p", array->job.results.string()}), "  " + bash_words(split),
                   "  put this script into " + bash_words({script}),
                   "  " + bash_words(exporting::sbatch_command(array->job, all_groups(asked), 1, array->need)), "",
                   "and when all of its tasks have ended:", "",
                   "  " + bash_words({"fittest", "merge", array->job.results.string()}), ""});
  return 0;
}

void add_verb(CLI::App& above, const std::string& what, int (*carry_out)(const Asked&), std::optional<int>& code) {
  auto asked = std::make_shared<Asked>();
  CLI::App* verb = above.add_subcommand("slurm", what);
  verb->set_help_flag("--help", "Show this");
  verb->allow_extras();
  verb->add_option("--splits", asked->splits, "Tasks in the array: groups of tests, about equal in time")
      ->required()
      ->check(CLI::Range(1U, 1'000'000U))
      ->type_name("N");
  verb->add_option("-n,--workers", asked->workers, "Workers, and CPUs, of a task; default: 1")
      ->check(CLI::Range(1U, 4096U))
      ->type_name("N");
  verb->add_option("--dist", asked->dist, "What stays in one group and one worker, as in pytest-xdist")
      ->check(CLI::IsMember({"load", "loadfile", "loadscope", "loadgroup", "worksteal"}))
      ->type_name("load|loadfile|loadscope|loadgroup|worksteal");
  verb->add_option("--budget", asked->budget, "Memory for the tests of a task; default: what history says they need")
      ->type_name("SIZE");
  verb->add_option("--max-mem", asked->most_memory, "No task asks for more than this, however often it was killed")
      ->type_name("SIZE");
  verb->add_option("--time-limit", asked->minutes, "Of a task; default: three times what history says, and 10 minutes")
      ->check(CLI::PositiveNumber)
      ->type_name("MINUTES");
  verb->add_option("--partition", asked->partition, "As for sbatch")->type_name("NAME");
  verb->add_option("--sbatch-arg", asked->sbatch_arguments,
                   "More for sbatch: --sbatch-arg=--account=physics; repeatable")
      ->allow_extra_args(false)
      ->type_name("ARGUMENT");
  verb->add_option("--retries", asked->retries, "How often a task is sent again that was killed; default: 2")
      ->check(CLI::Range(0U, 100U))
      ->type_name("N");
  verb->add_option("--results", asked->results,
                   "A new folder that all nodes share; default: .fittest/slurm/<id>, in the folder of the suite")
      ->type_name("FOLDER");
  verb->add_option("--python", asked->python, "The interpreter that has pytest, here and on the nodes")
      ->type_name("PATH");
  verb->add_option("-E,--expression", asked->expression, "Only tests that are meant by this")->type_name("EXPRESSION");
  verb->add_option("--poll", asked->between_looks, "Seconds between two looks at the queue; default: 5")
      ->check(CLI::Range(0.1, 3600.0))
      ->type_name("SECONDS");
  verb->callback([asked, verb, carry_out, &code] {
    asked->arguments = verb->remaining();
    code = carry_out(*asked);
  });
}

}  // namespace

void add_slurm_verbs(CLI::App& app, std::optional<int>& code) {
  CLI::App* submit = app.add_subcommand("submit", "Run the suite on a cluster");
  submit->require_subcommand(1);
  add_verb(*submit, "In a Slurm job array; takes pytest's own options beside these", submit_slurm, code);
  add_verb(*app.get_subcommand("ci"), "A batch script for a Slurm job array, and how to submit it", print_slurm, code);
}

}  // namespace fittest::cli
