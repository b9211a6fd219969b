#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/facts.h"
#include "core/test_list.h"
#include "history/store.h"
#include "report/selection_file.h"
#include "select/expression.h"
#include "select/limit.h"
#include "select/request.h"
#include "select/split_plan.h"
#include "select/weights.h"
#include "suite/suite.h"

namespace fittest::run {

// What fittest's own command line and configuration say of the tests to run.
struct SelectionOptions {
  std::vector<select::MeasuredLabel> labels;  // as select::in_order gives them
  std::vector<select::Limit> limits;          // of two for one test the first holds
  std::optional<select::Expression> expression;
  std::optional<select::SplitPlan> plan;
  std::string plan_file;               // for messages
  std::filesystem::path state_folder;  // where rounds of splits are kept; empty: nowhere
  std::optional<Bytes> budget;         // one that was named, not one found on this machine: groups depend on it
  // `all`: --splits cuts the tests into groups as ever (Selection::planned), but all of them stay, as collected.
  enum class Groups { the_one_asked, all } groups = Groups::the_one_asked;
  std::string variant;  // tells runs of the same tests apart (versions of Python), for `fittest merge`
  std::string chunk;    // that this run is; likewise
};

// A suite cut into groups, and by what.
struct PlannedSplit {
  select::SplitOptions options;
  select::Split split;
  select::Weights::Source weighed_by = select::Weights::Source::nothing;
  std::string durations;  // the file, as it was named
};

// Where what the tests weigh is from, in words.
std::string describe_weights(const PlannedSplit& planned);

// Answers what a suite asks about its tests while it collects: reads the history and the file of durations, and lets
// select/ decide.
class Selection {
 public:
  Selection(const SelectionOptions& options, history::Store& history, std::string suite)
      : options_(options), history_(history), suite_(std::move(suite)) {}

  std::vector<suite::LabelledTests> measure_labels(const TestList& found);
  Result<std::vector<TestIndex>> select(const TestList& candidates, const select::Request& request);
  // Which tests the limits of the configuration mean.
  std::vector<suite::HeapPlan::Limit> limits(const TestList& tests);
  // What `compared` of them needed before; of those of which that is known.
  std::vector<suite::HeapPlan::Earlier> earlier(const TestList& tests, const std::vector<TestIndex>& compared);

  // One line each for the user to read, of what was selected and how.
  [[nodiscard]] const std::vector<std::string>& notices() const { return notices_; }
  // How the tests were cut into groups; nothing where they were not, or by a plan that was there before.
  [[nodiscard]] const std::optional<PlannedSplit>& planned() const { return planned_; }
  // What `fittest merge` must know of this run. `tests`: those of the run, for one that selected nothing.
  [[nodiscard]] report::SelectionFile file(const TestList& tests) const;

 private:
  Result<void> check_labels(const TestList& candidates, const select::Request& request);
  Result<std::vector<std::uint32_t>> groups(const TestList& tests, const select::Request& request,
                                            const history::Store::FactsOf& known);

  const SelectionOptions& options_;
  history::Store& history_;
  std::string suite_;
  std::vector<std::string> notices_;
  std::string weighed_by_;  // words: where what the tests weigh is from
  std::optional<PlannedSplit> planned_;
  std::optional<report::SelectionFile> file_;
};

}  // namespace fittest::run
