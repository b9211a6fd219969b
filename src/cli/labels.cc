#include "cli/labels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>

#include "cli/config_file.h"
#include "cli/interpreter.h"
#include "cli/listing.h"
#include "cli/refuse.h"
#include "report/words.h"
#include "select/label_check.h"
#include "select/measured_labels.h"
#include "suite/pytest/mark_patch.h"

namespace fittest::cli {
namespace {

constexpr int kDisagree = 1;

// The suite as its authors have marked it, and what `[labels]` says of each test.
struct Labelled {
  Config config;
  Listing listing;
  std::vector<std::vector<TestIndex>> measured;  // for each of config.labels
};

void print_labels(const Labelled& suite) {
  struct Label {
    std::size_t tests = 0;
    std::string meaning;
  };
  const TestList& tests = suite.listing.tests;
  std::map<std::string, Label> labels;
  for (TestIndex test = 0; test < tests.size(); ++test) {
    for (const std::string& label : tests.labels(test)) ++labels[label].tests;
  }
  for (std::size_t i = 0; i < suite.measured.size(); ++i) {
    const select::MeasuredLabel& measured = suite.config.labels[i];
    Label& label = labels[measured.name];
    label.meaning = measured.meaning.text();
    label.tests += static_cast<std::size_t>(std::ranges::count_if(suite.measured[i], [&](TestIndex test) {
      return std::ranges::find(tests.labels(test), measured.name) == tests.labels(test).end();
    }));
  }
  if (labels.empty()) {
    std::cout << "No test has a label.\n";
    return;
  }
  std::size_t width = 0;
  for (const auto& [name, label] : labels) width = std::max(width, name.size());
  for (const auto& [name, label] : labels) {
    std::cout << fmt::format("{:>9}  ", report::format_count(label.tests))
              << (label.meaning.empty() ? name : fmt::format("{:<{}}  = {}", name, width, label.meaning)) << "\n";
  }
  const auto unknown = std::ranges::count_if(suite.listing.facts, [](const Facts& facts) { return !facts.known; });
  std::cout << "\n" << report::counted(tests.size(), "test");
  if (!suite.config.labels.empty() && unknown > 0) {
    std::cout << ", " << report::format_count(static_cast<std::uint64_t>(unknown)) << " of them without measurements";
  }
  std::cout << "\n";
}

// What was compared: "peak 3.0 MiB, 0.2 s".
std::string figures(const select::Expression& meaning, const Facts& facts) {
  using Fact = select::Expression::Fact;
  std::vector<std::string> out;
  for (const Fact fact : meaning.facts()) {
    switch (fact) {
      case Fact::peak:
        out.push_back("peak " + format_bytes(facts.peak));
        break;
      case Fact::heap_peak:
        out.push_back(facts.heap_peak ? "heap peak " + format_bytes(*facts.heap_peak) : "no heap peak known");
        break;
      case Fact::retained:
        out.push_back("retained " + format_bytes(facts.retained));
        break;
      case Fact::duration:
        out.push_back("duration " + report::format_span(facts.duration));
        break;
      case Fact::runs:
        out.push_back(report::counted(facts.runs, "run"));
        break;
      case Fact::verdict:
        out.push_back("last " + std::string(name(facts.last)));
        break;
    }
  }
  return fmt::format("{}", fmt::join(out, ", "));
}

void print_blamed(const Labelled& suite, const select::MeasuredLabel& label, const std::vector<TestIndex>& blamed,
                  std::string_view how, std::ostream& out) {
  for (const TestIndex test : blamed) {
    const std::string found = figures(label.meaning, suite.listing.facts[test]);
    out << fmt::format("{}: {} {}, but {}{}\n", report::one_line(suite.listing.tests.id(test)), how, label.name,
                       found.empty() ? "measured otherwise" : found,
                       " (" + report::one_line(label.meaning.text()) + ")");
  }
}

void print_check(const Labelled& suite, const select::MeasuredLabel& label, const select::LabelCheck& check,
                 std::ostream& out) {
  print_blamed(suite, label, check.marked_but_light, "marked", out);
  print_blamed(suite, label, check.unmarked_but_heavy, "not marked", out);
  out << fmt::format("{}: {} by hand", label.name, report::format_count(check.written));
  out << (check.agrees() ? ", as measured"
                         : fmt::format(", {} of them measured otherwise; {} measured but not marked",
                                       report::format_count(check.marked_but_light.size()),
                                       report::format_count(check.unmarked_but_heavy.size())));
  if (check.unmeasured > 0) out << fmt::format("; {} without measurements", report::counted(check.unmeasured, "test"));
  out << "\n";
}

// What is missing for a check at all.
std::optional<Error> obstacle(const LabelsOptions& options, const Labelled& suite) {
  const std::vector<select::MeasuredLabel>& labels = suite.config.labels;
  const std::string file = suite.config.file.empty() ? "fittest.toml" : suite.config.file.string();
  if (labels.empty()) {
    return Error{"no label is measured: there is no [labels]", file,
                 "say what a label means, below [labels]: memory_intensive = \"peak > 100MB\""};
  }
  for (const std::string& asked : options.only) {
    if (std::ranges::find(labels, asked, &select::MeasuredLabel::name) == labels.end()) {
      return Error{"'" + asked + "' is no label of [labels]", file, "say there what it means, or leave out --label"};
    }
  }
  const bool any_known = std::ranges::any_of(suite.listing.facts, &Facts::known);
  const bool asks_history = std::ranges::any_of(labels, [](const auto& label) { return label.meaning.asks_history(); });
  if (asks_history && !any_known) {
    return Error{suite.listing.has_history ? "the history knows none of these tests" : "there is no history yet",
                 "fittest labels", "run them once: fittest pytest"};
  }
  return std::nullopt;
}

int check_labels(const LabelsOptions& options, const Labelled& suite, select::MarkChanges& changes) {
  // With a patch on the standard output, what is for people goes beside it.
  std::ostream& out = options.task == LabelsTask::write_patch ? std::cerr : std::cout;
  bool agree = true;
  bool any = false;
  for (std::size_t i = 0; i < suite.measured.size(); ++i) {
    const select::MeasuredLabel& label = suite.config.labels[i];
    const auto check = select::check_label(label, suite.measured[i], suite.listing.tests, suite.listing.facts);
    const bool is_asked = std::ranges::find(options.only, label.name) != options.only.end();
    // One that nobody writes by hand is measured on purpose.
    if (options.only.empty() ? check.written == 0 : !is_asked) continue;
    any = true;
    agree = agree && check.agrees();
    print_check(suite, label, check, out);
    auto mended = select::mend(check, label, suite.measured[i], suite.listing.tests);
    std::ranges::move(mended.add, std::back_inserter(changes.add));
    std::ranges::move(mended.remove, std::back_inserter(changes.remove));
  }
  if (!any) {
    out << "No test is marked by hand with a label that is measured: there is nothing to compare.\n"
           "  -> --label NAME compares that label all the same\n";
  }
  if (!agree && options.task == LabelsTask::check)
    out << "  -> fittest labels --write prints the patch that mends it\n";
  return agree ? 0 : kDisagree;
}

int run_labels(const LabelsOptions& options) {
  auto config = read_config(".");
  if (!config) return refuse(config.error());
  ListingOptions wanted;
  wanted.python = options.python;
  wanted.arguments = options.arguments;
  wanted.labels = ListingOptions::Labels::written_only;
  if (options.expression) {
    auto expression = select::Expression::parse(*options.expression, "-E");
    if (!expression) return refuse(expression.error());
    wanted.expression = std::move(*expression);
  }
  auto listing = list_suite(wanted, *config);
  if (!listing) return refuse(listing.error());
  for (const std::string& notice : listing->notices) std::cerr << "fittest: " << notice << "\n";
  Labelled suite{std::move(*config), std::move(*listing), {}};
  suite.measured = select::measure(suite.config.labels, suite.listing.tests, suite.listing.facts);
  if (options.task == LabelsTask::list) {
    print_labels(suite);
    return 0;
  }
  if (const auto error = obstacle(options, suite)) return refuse(*error);
  select::MarkChanges changes;
  const int code = check_labels(options, suite, changes);
  if (options.task != LabelsTask::write_patch || code == 0) return code;
  const auto python = choose_interpreter(options.python, suite.config);
  if (!python) return refuse(python.error());
  std::cout.flush();
  const auto printed = suite::pytest::print_mark_patch(*python, changes);
  return printed ? code : refuse(printed.error());
}

}  // namespace

void add_labels_verb(CLI::App& app, std::optional<int>& code) {
  auto options = std::make_shared<LabelsOptions>();
  CLI::App* verb = app.add_subcommand("labels", "The labels of the tests; whether they are what is measured");
  verb->set_help_flag("--help", "Show this");
  verb->allow_extras();
  verb->add_flag_callback(
      "--check",
      [options] {
        if (options->task == LabelsTask::list) options->task = LabelsTask::check;
      },
      "Compare labels written by hand with those of the same name in [labels]");
  verb->add_flag_callback(
      "--write", [options] { options->task = LabelsTask::write_patch; },
      "Check, and print the patch that mends the marks: for patch -p1, or git apply");
  verb->add_option("--label", options->only,
                   "Check this label, even if it is written on no test; several: each of them")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->add_option("-E", options->expression, "Only the tests that this expression means")->type_name("EXPRESSION");
  verb->add_option("--python", options->python, "The interpreter that has pytest; default: $PYTHON, else python3")
      ->type_name("PATH");
  verb->footer(
      "Everything else goes to pytest: paths, -m, -k. Exit codes: 0, 1 where labels and measurements disagree,\n"
      "4 for bad input.");
  verb->callback([options, verb, &code] {
    options->arguments = verb->remaining();
    code = run_labels(*options);
  });
}

}  // namespace fittest::cli
