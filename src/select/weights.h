#pragma once
// What each test weighs in a split: one rule for all who split (`fittest split`, `fittest pytest --splits`). Pure.
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/facts.h"
#include "core/test_list.h"
#include "plan/scheduler.h"
#include "select/split.h"

namespace fittest::select {

// What a durations file says (history::read_durations): seconds by id.
struct KnownDurations {
  std::map<std::string, Seconds, std::less<>> seconds;
  // `asked` if the user named the file (--durations-path); `found` if it is there without having been asked for.
  enum class Source { asked, found } source = Source::found;
};

struct Weights {
  std::vector<Weight> of;  // for each test
  enum class Source { history, durations_file, nothing } source = Source::nothing;
};

// - For pytest-split's algorithms: the durations of the file; a test that is not in it weighs the mean of those
//   collected that are, or 1 s if none is. The peaks are the history's, for the forecast alone.
// - For `balanced` the same where the user named the file, or where the history knows none of these tests and there
//   is a file that does. Then the file alone decides, without peaks, so that machines whose histories differ agree.
// - For `balanced` otherwise the predictions, unknown tests borrowing from others (history::Store::predict). A test
//   that was skipped the last time weighs nothing.
// `facts` and `predictions`: one for each test. `source` is `nothing` where none of the tests is known.
Weights weights(const TestList& tests, std::span<const Facts> facts, std::span<const plan::Prediction> predictions,
                const KnownDurations& durations, const SplitOptions& options);

}  // namespace fittest::select
