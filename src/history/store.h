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
#include "core/ids.h"
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
  Seconds duration = 0;           // set-up + call + teardown
};

// What is known of a test over its runs.
struct Known {
  std::string id;
  Bytes peak;          // the highest of the last runs
  Bytes retained;      // of the last run
  Seconds duration = 0;  // mean of the last runs, exponentially weighted
  std::uint32_t runs = 0;
  Verdict last = Verdict::not_run;
  std::int64_t last_run = 0;  // Unix time, seconds
};

class Store {
 public:
  // Opens or creates. A file that is corrupt, or was written by a newer version, is renamed aside
  // ("history.db.corrupt-<n>", "history.db.v<version>-<n>") and a new one begun: `notices()` says so. A place that
  // cannot be written gives a store in memory, and a notice. Never fails for what a user's disk can hold.
  static Store open(const std::filesystem::path& file);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  [[nodiscard]] const std::vector<std::string>& notices() const;

  // Predictions for `ids`, in their order. `suite` tells apart suites in one file ("pytest"). Unknown tests borrow the
  // upper quartile of the known tests of their class or file (the id up to the last "::"), then of the suite, then a prior of
  // 64 MiB and 0.1 s; `known` is false for these.
  std::vector<plan::Prediction> predict(const std::string& suite, const std::vector<std::string>& ids);

  // Begins a run; results are recorded in transactions of many, a crash loses at most the last second's.
  std::int64_t begin_run(const std::string& suite, const std::string& run_id);
  void record(std::int64_t run, const std::vector<Outcome>& results);
  void end_run(std::int64_t run);

  std::vector<Known> all(const std::string& suite);

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fittest::history
