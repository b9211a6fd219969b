#include "cli/pytest.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <map>

#include "cli/config_file.h"
#include "run/run.h"
#include "suite/pytest/pytest_suite.h"

namespace fittest::cli {
namespace {

using suite::pytest::Isolation;
constexpr int kUsage = 4;

struct Asked {
  std::optional<std::string> budget;
  std::optional<std::string> python;
  std::optional<std::string> isolation;
  std::optional<std::string> domain;
  std::optional<std::string> retained_threshold;
  std::optional<double> test_timeout;
  bool resume = false;
  std::vector<std::string> arguments;
};

int refuse(const Error& error) {
  std::cerr << "fittest: " << error.text() << "\n";
  return kUsage;
}

Isolation isolation_from(const std::string& word) {
  static const std::map<std::string, Isolation> kWords = {
      {"auto", Isolation::automatic}, {"fork", Isolation::fork}, {"spawn", Isolation::spawn}, {"none", Isolation::none}};
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
  constexpr std::array<std::string_view, 9> kQuestions = {"--version", "-V", "-h","--fixtures",    "--fixtures-per-test",
                                                          "--markers", "--funcargs", "--cache-show", "--setup-plan"};
  return std::any_of(kQuestions.begin(), kQuestions.end(), [&](auto word) { return has(arguments, word); });
}

bool same_file(int a, int b) {
  struct stat first {}, second {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
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
  const auto python = suite::pytest::find_interpreter(
      asked.python ? asked.python : config->python ? std::optional(config->python->value) : std::nullopt,
      asked.python ? "--python" : config->python ? config->python->source : "");
  if (!python) return refuse(python.error());
  if (only_asks(asked.arguments)) return ask_pytest(*python, asked);

  run::RunOptions options;
  options.suite = "pytest";
  options.command = std::move(command);
  options.resume = asked.resume;
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
  const bool direct = wants_the_terminal(asked.arguments) || pytest.isolation == Isolation::none;
  report::ScreenOptions look = report::screen_options(color_flag(asked.arguments), STDOUT_FILENO);
  pytest.columns = look.columns;
  pytest.color = look.color;
  pytest.own_session = !direct;
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
  verb->add_option("--test-timeout", asked->test_timeout, "A test that takes longer is ended: timed_out")
      ->type_name("SECONDS");
  verb->add_option("--retained-threshold", asked->retained_threshold,
                   "A worker that has come to hold more than this is replaced; default: 128M")
      ->type_name("SIZE");
  verb->add_flag("--resume", asked->resume, "Go on with the last run, which was interrupted: keep its verdicts");
  verb->footer(
      "pytest-xdist's -n, --dist and --maxprocesses work as they do there. Exit codes are pytest's:\n"
      "0 passed, 1 failures, 2 interrupted, 3 internal error, 4 usage, 5 no tests.");
  verb->callback([asked, verb, command = std::move(command), &code] {
    asked->arguments = verb->remaining();
    code = run_pytest(std::move(*asked), command);
  });
}

}  // namespace fittest::cli
