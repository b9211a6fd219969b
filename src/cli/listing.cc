#include "cli/listing.h"

#include <fmt/format.h>

#include "cli/interpreter.h"
#include "history/store.h"
#include "run/list_tests.h"
#include "suite/pytest/pytest_suite.h"

namespace fittest::cli {
namespace {

constexpr const char* kHistory = ".fittest/history.db";
constexpr const char* kSuite = "pytest";

}  // namespace

Result<Listing> list_suite(const ListingOptions& options, const Config& config) {
  const auto python = choose_interpreter(options.python, config);
  if (!python) return tl::unexpected(python.error());

  const std::filesystem::path history_file = config.history ? config.history->value : kHistory;
  Listing listing;
  std::error_code ignored;
  listing.has_history = std::filesystem::exists(history_file, ignored);
  Result<history::Store> opened =
      listing.has_history ? history::Store::open_to_read(history_file) : history::Store::empty();
  if (!opened) return tl::unexpected(opened.error());
  history::Store& history = *opened;

  run::SelectionOptions selected;
  if (options.labels == ListingOptions::Labels::with_measured) selected.labels = config.labels;
  selected.expression = options.expression;
  selected.groups = options.groups;
  selected.budget = options.budget;
  run::Selection selection(selected, history, kSuite);

  suite::pytest::PytestOptions pytest;
  pytest.python = *python;
  pytest.arguments = options.arguments;
  pytest.list = true;
  pytest.measures_labels = !selected.labels.empty();
  pytest.selects = selected.expression.has_value();
  auto tests = run::list_tests(
      [&](asio::io_context& loop, std::optional<int> output) {
        pytest.output = output;
        pytest.error = output;
        return suite::pytest::make_pytest_suite(loop, pytest);
      },
      selection);
  if (!tests) return tl::unexpected(tests.error());
  listing.tests = std::move(*tests);
  listing.planned = selection.planned();
  for (const std::string& line : selection.notices()) listing.notices.push_back(line);

  history::Store::FactsOf known = history.facts(kSuite, listing.tests);
  if (known.nothing_in_common()) {
    return failure(fmt::format("this history knows {} tests, but none of the {} here: it is another project's",
                               known.others, listing.tests.size()),
                   history_file.string(), "remove the file, or name the right one (`history` in the configuration)");
  }
  listing.facts = std::move(known.facts);
  std::vector<std::string> ids;
  for (TestIndex test = 0; test < listing.tests.size(); ++test) ids.emplace_back(listing.tests.id(test));
  listing.predictions = history.predict(kSuite, ids);
  return listing;
}

}  // namespace fittest::cli
