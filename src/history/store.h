#pragma once
// What each test took before, and the prediction made from it. SQLite in WAL mode; safe against kill -9 at any moment
// and against two runs at once.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"
#include "core/facts.h"
#include "core/heap_figures.h"
#include "core/ids.h"
#include "core/test_list.h"
#include "core/verdict.h"
#include "plan/scheduler.h"

namespace fittest::history {

// One test's result in one run.
struct Outcome {
  std::string id;
  Verdict verdict = Verdict::not_run;
  std::optional<Bytes> peak;      // nothing where it could not be measured (killed before its end: `at_least`)
  std::optional<Bytes> at_least;  // it held at least this much when it was killed
  Bytes retained;
  Seconds duration = 0;  // set-up + call + teardown
  std::optional<HeapFigures> heap = {};
};

// What is known of a test over its runs.
struct Known {
  std::string id;
  Bytes peak;                     // the highest of the last runs, `at_least` included
  std::optional<Bytes> at_least;  // it was killed when it held so much, the highest of the last runs
  Bytes retained;                 // of the last run
  Seconds duration = 0;           // mean of the last runs, exponentially weighted
  std::uint32_t runs = 0;
  Verdict last = Verdict::not_run;
  std::int64_t last_run = 0;  // Unix time, seconds
  // The highest peak of the last runs; allocations of the last one in which the heap was watched.
  std::optional<HeapFigures> heap = {};
};

// Never fails for what a user's disk can hold or do: see `notices`. Not for use by several threads.
class Store {
 public:
  // Opens or creates. A file that is damaged, or was written by a newer version, is renamed aside
  // ("history.db.corrupt-<n>", "history.db.v<version>-<n>") and a new one begun: `notices()` says so. A place that
  // cannot be written gives a store in memory (or, where there is a history that can be read, one whose results are
  // dropped), and a notice.
  static Store open(const std::filesystem::path& file);
  // For reading alone: `begin_run` and what follows it have no effect, nothing is made, set aside or forgotten.
  // Errors: there is no file, it is damaged, it was written by a newer version.
  static Result<Store> open_to_read(const std::filesystem::path& file);
  // Knows nothing and keeps nothing: for where there is no file, and none is to be made.
  static Store empty();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();  // tries once more to record what another process's lock has held up

  // One line each for the user to read. Grows where something goes wrong later (the disk fills up, a page turns out to
  // be damaged).
  [[nodiscard]] const std::vector<std::string>& notices() const;

  // Predictions for `ids`, in their order. `suite` tells apart suites in one file ("pytest").
  // A known test is predicted its highest peak of the last runs and a margin, and above any `at_least`. Unknown tests
  // borrow the upper quartile of the known tests of their function (where they have parameters), class or file (the id
  // up to the last "::", then up to the one before), then of the suite, then a prior of 64 MiB and 0.1 s, which weighs
  // less the more tests of the suite are known; `known` is false for these.
  std::vector<plan::Prediction> predict(const std::string& suite, const std::vector<std::string>& ids);

  // Begins a run, or goes on with the one of that id. What `record` was given is in the file when it returns, unless
  // another process holds the lock for long: then it is tried again with the next results and at the end. A test
  // recorded twice in a run counts once, with the later verdict and the higher memory. `not_run` without a figure
  // says nothing and is passed over.
  std::int64_t begin_run(const std::string& suite, const std::string& run_id);
  void record(std::int64_t run, const std::vector<Outcome>& results);
  void end_run(std::int64_t run);

  // A run of this id was recorded to its end; of very old runs nothing is known.
  bool has_ended(const std::string& suite, const std::string& run_id);

  // Writes all that is known into a file of its own, which is replaced whole or not at all.
  Result<void> copy_to(const std::filesystem::path& file);

  std::vector<std::string> suites();
  std::vector<Known> all(const std::string& suite);  // by id

  // HeapFigures::body_peak of the last runs in which a test passed, the oldest first; for each of `ids`. Runs that
  // failed push none out.
  std::vector<std::vector<Bytes>> body_peaks(const std::string& suite, const std::vector<std::string_view>& ids);

  // What is known of each of `tests`, in their order. `others`: of how many more tests the suite's history knows.
  struct FactsOf {
    std::vector<Facts> facts;
    std::size_t others = 0;
    // Many tests on both sides, and not one in common: the history is another project's, or all tests here are new.
    [[nodiscard]] bool nothing_in_common() const;
  };
  FactsOf facts(const std::string& suite, const TestList& tests);

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fittest::history
