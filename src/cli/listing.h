#pragma once
// For verbs that look at a suite without running it.
#include <optional>
#include <string>
#include <vector>

#include "cli/config_file.h"
#include "core/facts.h"
#include "core/test_list.h"
#include "plan/scheduler.h"
#include "run/selection.h"
#include "select/expression.h"

namespace fittest::cli {

struct ListingOptions {
  std::optional<std::string> python;             // --python
  std::vector<std::string> arguments;            // pytest's: paths, -m, -k
  std::optional<select::Expression> expression;  // -E
  enum class Labels { with_measured, written_only } labels = Labels::with_measured;
  // `all`: --splits among the arguments takes no test away, but says how to plan.
  using Groups = run::SelectionOptions::Groups;
  Groups groups = Groups::the_one_asked;
  std::optional<Bytes> budget = {};  // of the machine that a group runs on
};

// The tests that these arguments select, in collection order, with their labels, and what is known of each.
struct Listing {
  TestList tests;
  std::vector<Facts> facts;                   // in the tests' order
  std::vector<plan::Prediction> predictions;  // likewise; for unknown tests borrowed from others
  bool has_history = false;                   // there is a file of it
  std::optional<run::PlannedSplit> planned;   // where --splits is among the arguments
  std::vector<std::string> notices;           // one line each for the user to read
};

// Starts the suite's session, which collects and ends. What it prints is shown only where collecting fails: it is then
// part of the error. A history that knows many tests but none of these is an error too: it is another project's.
Result<Listing> list_suite(const ListingOptions& options, const Config& config);

}  // namespace fittest::cli
