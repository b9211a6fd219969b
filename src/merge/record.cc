#include "merge/record.h"

#include <string>

namespace fittest::merge {
namespace {

std::vector<history::Outcome> outcomes_of(const Run& run) {
  std::vector<history::Outcome> outcomes;
  outcomes.reserve(run.journal.killed.size() + run.journal.finished.size());
  for (const auto& killed : run.journal.killed) {
    outcomes.push_back({killed.id, Verdict::not_run, {}, killed.at_least, {}, 0});
  }
  for (const report::TestFinished& test : run.journal.finished) {
    outcomes.push_back(
        {test.id, test.verdict, test.peak, test.at_least, test.retained.value_or(Bytes{}), test.duration, test.heap});
  }
  return outcomes;
}

}  // namespace

void record_runs(const std::vector<Run>& runs, history::Store& history) {
  // Asked of all before anything is written: two machines may have given their runs the same id.
  std::vector<const Run*> unknown;
  for (const Run& run : runs) {
    if (!history.has_ended(run.suite(), run.id())) unknown.push_back(&run);
  }
  for (const Run* run : unknown) {
    const std::int64_t number = history.begin_run(run->suite(), run->id());
    history.record(number, outcomes_of(*run));
    // Of a run that was killed there may be more to come.
    if (run->journal.ended) history.end_run(number);
  }
}

}  // namespace fittest::merge
