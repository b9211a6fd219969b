#include "cli/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <vector>

#include "cli/config_file.h"
#include "cli/listing.h"
#include "cli/refuse.h"
#include "core/atomic_file.h"
#include "report/words.h"
#include "select/split_plan.h"

namespace fittest::cli {
namespace {

constexpr int kFailed = 3;
constexpr int kNoTests = 5;
constexpr unsigned kMostGroups = 100'000;

struct Asked {
  unsigned groups = 0;
  std::optional<std::string> budget;
  std::optional<unsigned> workers;
  std::optional<std::string> python;
  std::optional<std::string> expression;
  std::optional<std::string> out;
  enum class Format { table, json } format = Format::table;
  std::vector<std::string> arguments;
};

// Of the machines that the groups run on. A share would be one of this machine.
Result<std::optional<Bytes>> budget_of(const Asked& asked, const Config& config) {
  if (asked.budget && asked.budget->ends_with('%')) {
    return failure("a share says nothing about the machines that the groups run on", "--budget " + *asked.budget,
                   "name a size: --budget 4G");
  }
  const bool configured = !asked.budget && config.budget && !config.budget->value.ends_with('%');
  if (!asked.budget && !configured) return std::optional<Bytes>{};
  const auto budget = parse_bytes(asked.budget ? *asked.budget : config.budget->value);
  if (!budget)
    return failure(budget.error().what, asked.budget ? "--budget" : config.budget->source, budget.error().remedy);
  return std::optional(*budget);
}

Result<ListingOptions> listing_options(Asked& asked, const Config& config) {
  ListingOptions options;
  options.python = asked.python;
  options.groups = ListingOptions::Groups::all;
  if (asked.expression) {
    auto expression = select::Expression::parse(*asked.expression, "-E");
    if (!expression) return tl::unexpected(expression.error());
    options.expression = std::move(*expression);
  }
  const auto budget = budget_of(asked, config);
  if (!budget) return tl::unexpected(budget.error());
  options.budget = *budget;
  // In front: the suite's session understands them, as it does for a group's run, and what the user has typed counts.
  options.arguments = {"--splits", std::to_string(asked.groups), "--group", "1"};
  if (asked.workers) options.arguments.insert(options.arguments.end(), {"-n", std::to_string(*asked.workers)});
  options.arguments.insert(options.arguments.end(), asked.arguments.begin(), asked.arguments.end());
  return options;
}

int run_split(Asked asked) {
  const auto config = read_config(".");
  if (!config) return refuse(config.error());
  const auto options = listing_options(asked, *config);
  if (!options) return refuse(options.error());
  const auto listing = list_suite(*options, *config);
  if (!listing) return refuse(listing.error());
  if (!listing->planned || listing->planned->split.group_of.size() != listing->tests.size()) {
    std::cerr << "fittest: internal error: the suite was not split\n  -> this is a bug: please report it\n";
    return kFailed;
  }
  const run::PlannedSplit& planned = *listing->planned;
  if (planned.options.splits != asked.groups) {
    return refuse({"--plan and --splits name different numbers of groups", "--splits", "leave out --splits"});
  }
  if (listing->tests.size() == 0) {
    std::cerr << "fittest: no test is left to split\n  -> name other paths, or another selection\n";
    return kNoTests;
  }
  for (const std::string& notice : listing->notices) std::cerr << "fittest: " << notice << "\n";

  const std::string plan = select::make_plan("pytest", listing->tests, planned.split, planned.options).to_json();
  if (asked.out) {
    if (const auto written = write_file(*asked.out, plan); !written) return refuse(written.error());
  }
  if (asked.format == Asked::Format::json) {
    std::cout << plan;
    return 0;
  }
  std::cout << split_table(planned);
  if (asked.out) {
    std::cout << "\nThe plan is in " << *asked.out << ". Each job runs its group of it:\n    fittest pytest --plan "
              << *asked.out << " --group I\n";
  }
  return 0;
}

}  // namespace

std::string split_table(const run::PlannedSplit& planned) {
  const select::SplitOptions& options = planned.options;
  const select::Split& split = planned.split;
  const std::string budget = options.budget > Bytes{} ? format_bytes(options.budget) + " and " : "";
  std::string text =
      fmt::format("{} in {}, {}, {}\nEach group with {}{}\n\n", report::counted(split.group_of.size(), "test"),
                  report::counted(split.groups.size(), "group"), name(options.algorithm),
                  run::describe_weights(planned), budget, report::counted(options.workers, "worker"));
  text += fmt::format("{:>6}{:>12}{:>16}{:>16}{:>12}\n", "group", "tests", "work", "expected", "peak");
  Seconds largest = 0;
  for (std::size_t i = 0; i < split.groups.size(); ++i) {
    const select::GroupForecast& group = split.groups[i];
    largest = std::max(largest, group.wall);
    text += fmt::format("{:>6}{:>12}{:>16}{:>16}{:>12}\n", i + 1, report::format_count(group.tests),
                        report::format_span(group.work), report::format_span(group.wall),
                        group.peak > Bytes{} ? format_bytes(group.peak) : "-");
  }
  text += fmt::format("\nLower bound: {}.", report::format_span(split.lower_bound));
  if (split.lower_bound > 0)
    text += fmt::format(" The largest group takes {:.2f} times that.", largest / split.lower_bound);
  if (planned.weighed_by == select::Weights::Source::nothing) {
    text += "\nThe figures are guesses. Run the tests once: fittest pytest";
  }
  return text + "\n";
}

void add_split_verb(CLI::App& app, std::optional<int>& code) {
  auto asked = std::make_shared<Asked>();
  CLI::App* verb = app.add_subcommand("split", "Plan the groups of --splits: what each takes, and a plan for all jobs");
  verb->set_help_flag("--help", "Show this; pytest's own options: pytest --help");
  verb->allow_extras();
  verb->add_option("--plan", asked->groups, "Into so many groups")
      ->required()
      ->check(CLI::Range(1U, kMostGroups))
      ->type_name("N");
  verb->add_option("--budget", asked->budget, "Memory of the machine that a group runs on; default: no limit")
      ->type_name("SIZE");
  verb->add_option("--workers", asked->workers, "Workers on that machine, as -n; default: 1")
      ->check(CLI::Range(1U, 10'000U))
      ->type_name("W");
  verb->add_option("--out", asked->out, "Write the plan: JSON for `fittest pytest --plan FILE --group I`")
      ->type_name("FILE");
  verb->add_flag_callback(
      "--json", [asked] { asked->format = Asked::Format::json; }, "Print the plan itself");
  verb->add_option("-E,--expression", asked->expression, "Only tests that are meant by this, as for fittest pytest")
      ->type_name("EXPRESSION");
  verb->add_option("--python", asked->python, "The interpreter that has pytest, as for fittest pytest")
      ->type_name("PATH");
  verb->footer(
      "Everything else is for pytest: paths, -m, -k; and --dist, --splitting-algorithm and --durations-path,\n"
      "which mean what they mean in a run.");
  verb->callback([asked, verb, &code] {
    asked->arguments = verb->remaining();
    code = run_split(std::move(*asked));
  });
}

}  // namespace fittest::cli
