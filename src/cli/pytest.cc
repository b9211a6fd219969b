#include "cli/pytest.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <map>

#include "cli/config_file.h"
#include "cli/heap_watch.h"
#include "cli/interpreter.h"
#include "cli/leaks_input.h"
#include "cli/refuse.h"
#include "core/read_file.h"
#include "run/run.h"
#include "suite/pytest/pytest_suite.h"

namespace fittest::cli {
namespace {

using suite::pytest::Isolation;

struct Asked {
  std::optional<std::string> budget;
  std::optional<std::string> python;
  std::optional<std::string> isolation;
  std::optional<std::string> domain;
  std::optional<std::string> heap;
  std::optional<std::string> retained_threshold;
  std::optional<double> test_timeout;
  bool resume = false;
  std::optional<std::string> expression;
  std::optional<std::string> plan;
  std::optional<std::string> order;
  std::optional<std::string> run_folder;
  std::string variant;
  std::string chunk;
  std::vector<std::string> arguments;
};

Isolation isolation_from(const std::string& word) {
  static const std::map<std::string, Isolation> kWords = {{"auto", Isolation::automatic},
                                                          {"fork", Isolation::fork},
                                                          {"spawn", Isolation::spawn},
                                                          {"none", Isolation::none}};
  return kWords.at(word);
}

std::optional<memory::DomainKind> domain_from(const std::string& word) {
  if (word == "cgroup-v2") return memory::DomainKind::cgroup_v2;
  if (word == "cgroup-v1") return memory::DomainKind::cgroup_v1;
  if (word == "proc") return memory::DomainKind::proc;
  return std::nullopt;
}

// pytest's own --color, of which the last one counts.
std::string color_flag(const std::vector<std::string>& arguments) {
  std::string flag = "auto";
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].starts_with("--color=")) flag = arguments[i].substr(8);
    if (arguments[i] == "--color" && i + 1 < arguments.size()) flag = arguments[i + 1];
  }
  return flag;
}

bool has(const std::vector<std::string>& arguments, std::string_view wanted) {
  return std::find(arguments.begin(), arguments.end(), wanted) != arguments.end();
}

// A debugger needs the terminal for itself.
bool wants_the_terminal(const std::vector<std::string>& arguments) {
  return has(arguments, "--pdb") || has(arguments, "--trace");
}

// What pytest answers without running a test: it needs neither a budget nor a first line.
bool only_asks(const std::vector<std::string>& arguments) {
  constexpr std::array<std::string_view, 9> kQuestions = {
      "--version", "-V",         "-h",           "--fixtures",  "--fixtures-per-test",
      "--markers", "--funcargs", "--cache-show", "--setup-plan"};
  return std::any_of(kQuestions.begin(), kQuestions.end(), [&](auto word) { return has(arguments, word); });
}

bool same_file(int a, int b) {
  struct stat first {
  }, second{};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

// What decides which tests run. `budget`: one that was named, as a size.
Result<run::SelectionOptions> selection_of(const Asked& asked, const Config& config) {
  run::SelectionOptions selection;
  selection.labels = config.labels;
  selection.limits = config.limits;
  selection.variant = asked.variant;
  selection.chunk = asked.chunk;
  if (asked.expression) {
    auto expression = select::Expression::parse(*asked.expression, "-E");
    if (!expression) return tl::unexpected(expression.error());
    selection.expression = std::move(*expression);
  }
  if (asked.plan) {
    const auto text = read_file(*asked.plan);
    if (!text) return tl::unexpected(text.error());
    auto plan = select::SplitPlan::from_json(*text, *asked.plan);
    if (!plan) return tl::unexpected(plan.error());
    selection.plan = std::move(*plan);
    selection.plan_file = *asked.plan;
  }
  // A share of what is free is another on each machine.
  if (asked.budget && !asked.budget->ends_with('%')) {
    const auto budget = parse_bytes(*asked.budget);
    if (budget) selection.budget = *budget;
  }
  return selection;
}

int ask_pytest(const suite::pytest::Interpreter& python, const Asked& asked) {
  std::vector<std::string> command{python.path, "-m", "pytest"};
  command.insert(command.end(), asked.arguments.begin(), asked.arguments.end());
  std::vector<char*> pointers;
  for (std::string& part : command) pointers.push_back(part.data());
  pointers.push_back(nullptr);
  ::execv(pointers[0], pointers.data());
  return refuse(system_failure(errno, "cannot be executed", python.path).value());
}

int run_pytest(Asked asked, std::vector<std::string> command) {
  auto config = read_config(".");
  if (!config) return refuse(config.error());
  if (!asked.budget && config->budget) asked.budget = config->budget->value;
  const auto python = choose_interpreter(asked.python, *config);
  if (!python) return refuse(python.error());
  if (only_asks(asked.arguments)) return ask_pytest(*python, asked);

  run::RunOptions options;
  options.suite = "pytest";
  options.command = std::move(command);
  options.resume = asked.resume;
  if (asked.run_folder) options.run_folder = *asked.run_folder;
  if (options.resume && options.run_folder) {
    return refuse({"--resume goes on with a run of .fittest/runs", "--run-folder", "leave one of the two out"});
  }
  auto selection = selection_of(asked, *config);
  if (!selection) return refuse(selection.error());
  options.selection = std::move(*selection);
  options.selection.state_folder = options.state_folder;
  auto limits = memory::read_limits();
  if (!limits) return refuse(limits.error());
  auto budget = memory::choose_budget(*limits, asked.budget);
  if (!budget) return refuse(budget.error());
  options.budget = *budget;
  const auto chosen = [](const auto& flag, const auto& configured, std::string otherwise) {
    return flag ? *flag : configured ? configured->value : otherwise;
  };
  options.domain = domain_from(chosen(asked.domain, config->domain, "auto"));
  if (config->retained_threshold) options.retained_threshold = config->retained_threshold->value;
  if (asked.retained_threshold) {
    const auto threshold = parse_bytes(*asked.retained_threshold);
    if (!threshold) return refuse({threshold.error().what, "--retained-threshold", threshold.error().remedy});
    options.retained_threshold = *threshold;
  }
  if (config->test_timeout) options.test_timeout = config->test_timeout->value;
  if (asked.test_timeout) options.test_timeout = asked.test_timeout;
  if (options.test_timeout && *options.test_timeout <= 0) {
    return refuse({"the time must be over 0 seconds", "--test-timeout", "leave it out for no limit"});
  }
  if (config->history) options.history_file = config->history->value;

  suite::pytest::PytestOptions pytest;
  pytest.python = *python;
  pytest.isolation = isolation_from(chosen(asked.isolation, config->isolation, "auto"));
  if (config->workers) pytest.workers = config->workers->value;
  pytest.heap = heap_watch(chosen(asked.heap, config->heap, "count"),
                           asked.heap || !config->heap ? "--heap" : config->heap->source, *python);
  pytest.heap.has_limits = !config->limits.empty();
  options.traces_heap = pytest.heap.writes_traces;
  const bool direct = wants_the_terminal(asked.arguments) || pytest.isolation == Isolation::none;
  report::ScreenOptions look = report::screen_options(color_flag(asked.arguments), STDOUT_FILENO);
  pytest.columns = look.columns;
  if (options.traces_heap) {
    const heap::Look heap_look{look.columns, report::Style(look.color)};
    options.about_heap = [heap_look](const std::filesystem::path& folder) { return leaks_of_run(folder, heap_look); };
  }
  pytest.color = look.color;
  pytest.own_session = !direct;
  pytest.measures_labels = !options.selection.labels.empty();
  pytest.selects = options.selection.expression || options.selection.plan;
  pytest.has_plan = options.selection.plan.has_value();
  pytest.order = asked.order;
  if (direct) {
    pytest.input = STDIN_FILENO;
    look.terminal = false;  // no progress line across a debugger's prompt
  }
  pytest.arguments = std::move(asked.arguments);
  report::Screen screen(STDOUT_FILENO, look);
  const run::MakeSuite make_suite = [&](asio::io_context& loop, std::optional<int> output) {
    pytest.output = output;
    // One pipe for both where both end in one place, so that what was written first is read first.
    if (output && same_file(STDOUT_FILENO, STDERR_FILENO)) pytest.error = output;
    return suite::pytest::make_pytest_suite(loop, pytest);
  };
  return run::run_suite(options, make_suite, direct ? run::OutputWay::direct : run::OutputWay::through_screen, screen);
}

}  // namespace

void add_pytest_verb(CLI::App& app, std::vector<std::string> command, std::optional<int>& code) {
  auto asked = std::make_shared<Asked>();
  CLI::App* verb = app.add_subcommand("pytest", "Run a pytest suite; takes pytest's own options beside these");
  verb->set_help_flag("--help", "Show this; pytest's own options: pytest --help");
  verb->allow_extras();
  verb->add_option("--budget", asked->budget, "Memory for the suite: 4G, 512MiB, 75%; default: what is free")
      ->type_name("SIZE");
  verb->add_option("--python", asked->python, "The interpreter that has pytest; default: $PYTHON, else python3")
      ->type_name("PATH");
  verb->add_option("--isolation", asked->isolation, "How workers are made; auto forks where that is safe")
      ->check(CLI::IsMember({"auto", "fork", "spawn", "none"}))
      ->type_name("auto|fork|spawn|none");
  verb->add_option("--domain", asked->domain, "How memory is measured and limited; auto takes the best there is")
      ->check(CLI::IsMember({"auto", "cgroup-v2", "cgroup-v1", "proc"}))
      ->type_name("auto|cgroup-v2|cgroup-v1|proc");
  verb->add_option("--heap", asked->heap,
                   "How what tests allocate is watched; default: count, which costs next to nothing and is enough for\n"
                   "limits and --memray; see docs/limits.md")
      ->check(CLI::IsMember({"off", "count", "sample", "exact"}))
      ->type_name("off|count|sample|exact");
  verb->add_option("--test-timeout", asked->test_timeout, "A test that takes longer is ended: timed_out")
      ->type_name("SECONDS");
  verb->add_option("--retained-threshold", asked->retained_threshold,
                   "A worker that has come to hold more than this is replaced; default: 128M")
      ->type_name("SIZE");
  verb->add_option("-E,--expression", asked->expression,
                   "Only tests that are meant by this: 'peak > 100MB and not label(stress)'; see docs/expressions.md")
      ->type_name("EXPRESSION");
  verb->add_option("--order", asked->order, "The order to start tests in; default: what ends the run earliest")
      ->check(CLI::IsMember({"collected", "random", "failed-first", "slow-first"}))
      ->type_name("collected|random|failed-first|slow-first");
  verb->add_option("--plan", asked->plan, "With --group I: run that group of a plan of `fittest split`")
      ->type_name("FILE");
  verb->add_option("--run-folder", asked->run_folder, "Where this run's files go; default: .fittest/runs/<id>")
      ->type_name("FOLDER");
  verb->add_option("--variant", asked->variant,
                   "A name for runs of the same tests in another setting, for fittest merge")
      ->type_name("NAME");
  verb->add_option("--as-chunk", asked->chunk, "The chunk that this run is, for fittest merge; set by fittest chunks")
      ->type_name("NAME");
  verb->add_flag("--resume", asked->resume, "Go on with the last run, which was interrupted: keep its verdicts");
  verb->footer(
      "-n, --dist and --maxprocesses work as in pytest-xdist, --splits, --group, --store-durations as in "
      "pytest-split,\n"
      "--random-order as in pytest-random-order; none of these need be installed. Exit codes are pytest's:\n"
      "0 passed, 1 failures, 2 interrupted, 3 internal error, 4 usage, 5 no tests.");
  verb->callback([asked, verb, command = std::move(command), &code] {
    asked->arguments = verb->remaining();
    code = run_pytest(std::move(*asked), command);
  });
}

}  // namespace fittest::cli
