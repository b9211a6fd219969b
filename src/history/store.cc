#include "history/store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

#include "history/database.h"
#include "history/lenders.h"

namespace fittest::history {
namespace {

// `record` is called between the tests' events and must not hold them up; what it could not write is kept.
constexpr std::chrono::milliseconds kRecordPatience{200};
constexpr std::chrono::milliseconds kPatience{5000};

std::int64_t unix_now() {
  return static_cast<std::int64_t>(std::time(nullptr));
}

// The run may change its folder; without a current folder the path stays as it is.
std::filesystem::path absolute_path(const std::filesystem::path& file) {
  std::error_code problem;
  auto path = std::filesystem::absolute(file, problem);
  return problem ? file : path;
}

// Both in the order of ids: calls `use` with each position in `ids` that the file knows.
template <typename Use>
void for_each_known(Tables& tables, std::int64_t suite, const std::vector<std::string>& ids,
                    const std::vector<std::uint32_t>& sorted, Use use) {
  auto place = sorted.begin();
  tables.for_each_test(suite, [&](const TestRow& row) {
    while (place != sorted.end() && row.id.compare(ids[*place]) > 0) ++place;
    for (; place != sorted.end() && ids[*place] == row.id; ++place) use(*place, row);
  });
}

std::vector<std::uint32_t> sorted_positions(const std::vector<std::string>& ids) {
  std::vector<std::uint32_t> sorted(ids.size());
  std::iota(sorted.begin(), sorted.end(), 0U);
  std::ranges::sort(sorted, [&](std::uint32_t a, std::uint32_t b) { return ids[a] < ids[b]; });
  return sorted;
}

// What of a prediction the test's own results give.
struct Own {
  bool peak = false;
  bool duration = false;
};

void predict_from(Tables& tables, std::int64_t suite, const std::vector<std::string>& ids,
                  std::vector<plan::Prediction>& predictions) {
  std::vector<Own> own(ids.size());
  const auto sorted = sorted_positions(ids);
  for_each_known(tables, suite, ids, sorted, [&](std::uint32_t at, const TestRow& row) {
    const auto peak = expected_peak(row.summary);
    // A test that was only ever killed has a peak to respect, but no duration.
    own[at] = {peak.has_value(), row.summary.last != Verdict::not_run};
    predictions[at] = {peak.value_or(Bytes{}), row.summary.duration, peak.has_value(),
                       std::min(row.summary.retained, peak.value_or(Bytes{}))};
  });

  const auto complete = [](const Own& has) { return has.peak && has.duration; };
  if (std::ranges::all_of(own, complete)) return;
  Lenders lenders;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!complete(own[i])) lenders.want(ids[i]);
  }
  tables.for_each_test(suite, [&](const TestRow& row) {
    // Skipped and killed tests have no figures of a whole run to lend.
    if (row.summary.counted > 0) lenders.lend(row.id, expected_peak(row.summary), row.summary.duration);
  });
  lenders.settle();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (complete(own[i])) continue;
    const plan::Prediction borrowed = lenders.borrow(ids[i]);
    // A killed test is not believed to be smaller than its neighbours only because it was killed early.
    predictions[i].peak = std::max(predictions[i].peak, borrowed.peak);
    if (!own[i].duration) predictions[i].duration = std::max(predictions[i].duration, borrowed.duration);
  }
}

Known known_from(const TestRow& row) {
  const Summary& summary = row.summary;
  Known known;
  known.id = row.id;
  known.peak = std::max(summary.peak.value_or(Bytes{}), summary.at_least.value_or(Bytes{}));
  known.at_least = summary.at_least;
  known.retained = summary.retained;
  known.duration = summary.duration;
  known.runs = row.runs;
  known.last = summary.last;
  known.last_run = row.last_run;
  known.heap = summary.heap;
  return known;
}

}  // namespace

class Store::Impl {
 public:
  explicit Impl(const std::filesystem::path& file)
      : file_(absolute_path(file)), use_(Use::run), database_(open_for_run(file_, notices_)) {}
  Impl(std::filesystem::path file, std::unique_ptr<Database> to_read)
      : file_(std::move(file)), use_(Use::reading), database_(std::move(to_read)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    for (Run& run : runs_) {
      if (run.to_write()) flush(run, kRecordPatience);
    }
  }

  [[nodiscard]] const std::vector<std::string>& notices() const { return notices_; }

  std::vector<plan::Prediction> predict(const std::string& suite, const std::vector<std::string>& ids) {
    std::vector<plan::Prediction> predictions;
    const auto reset = [&] { predictions.assign(ids.size(), {}); };
    const bool done = attempt(kPatience, [&](Database& database) {
      reset();
      // Without a suite of that name nobody lends.
      const auto key = database.tables().find_suite(suite);
      predict_from(database.tables(), key.value_or(0), ids, predictions);
    });
    if (!done) {
      reset();
      const Lenders nobody;
      for (std::size_t i = 0; i < ids.size(); ++i) predictions[i] = nobody.borrow(ids[i]);
    }
    return predictions;
  }

  std::int64_t begin_run(const std::string& suite, const std::string& run_id) {
    Run run;
    run.suite = suite;
    run.id = run_id;
    run.begun = unix_now();
    runs_.push_back(std::move(run));
    flush(runs_.back(), kRecordPatience);
    return static_cast<std::int64_t>(runs_.size());
  }

  void record(std::int64_t number, const std::vector<Outcome>& results) {
    Run& run = run_of(number);
    if (is_dropping()) return;
    run.pending.insert(run.pending.end(), results.begin(), results.end());
    flush(run, kRecordPatience);
  }

  void end_run(std::int64_t number) {
    Run& run = run_of(number);
    run.ended = unix_now();
    run.ended_written = false;
    if (flush(run, kPatience)) return;
    notices_.push_back(fmt::format("{}: another process has it locked: {} results are not recorded", file_.string(),
                                   run.pending.size()));
  }

  bool has_ended(const std::string& suite, const std::string& run_id) {
    bool ended = false;
    attempt(kPatience, [&](Database& database) {
      const auto key = database.tables().find_suite(suite);
      ended = key && database.tables().has_ended(*key, run_id);
    });
    return ended;
  }

  Result<void> copy_to(const std::filesystem::path& file) {
    const char* remedy = "make the place writable, and see that there is room on the disk";
    if (!database_) return failure("there is no history to copy", file.string());
    const std::filesystem::path unfinished = file.string() + "." + std::to_string(::getpid()) + ".tmp";
    std::error_code problem;
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), problem);
    std::filesystem::remove(unfinished, problem);
    try {
      database_->connection().set_patience(kPatience);
      Statement copy(database_->connection(), "VACUUM INTO ?1");
      history::run(copy, unfinished.string());
    } catch (const SqliteError& error) {
      std::filesystem::remove(unfinished, problem);
      return failure(fmt::format("cannot be written: {}", error.what()), file.string(), remedy);
    }
    std::filesystem::rename(unfinished, file, problem);
    if (problem) return failure("cannot be written: " + problem.message(), file.string(), remedy);
    return {};
  }

  std::vector<std::string> suites() {
    std::vector<std::string> names;
    attempt(kPatience, [&](Database& database) { names = database.tables().suites(); });
    return names;
  }

  std::vector<Known> all(const std::string& suite) {
    std::vector<Known> tests;
    attempt(kPatience, [&](Database& database) {
      tests.clear();
      const auto key = database.tables().find_suite(suite);
      if (key) database.tables().for_each_test(*key, [&](const TestRow& row) { tests.push_back(known_from(row)); });
    });
    return tests;
  }

  std::vector<std::vector<Bytes>> body_peaks(const std::string& suite, const std::vector<std::string_view>& ids) {
    std::vector<std::vector<Bytes>> peaks;
    const bool done = attempt(kPatience, [&](Database& database) {
      peaks.assign(ids.size(), {});
      const auto key = database.tables().find_suite(suite);
      for (std::size_t i = 0; key && i < ids.size(); ++i) peaks[i] = database.tables().body_peaks(*key, ids[i]);
    });
    if (!done) peaks.assign(ids.size(), {});
    return peaks;
  }

 private:
  enum class Use { run, reading };

  struct Run {
    std::string suite;
    std::string id;
    std::int64_t begun = 0;
    std::optional<std::int64_t> ended;
    bool begun_written = false;
    bool ended_written = true;
    std::vector<Outcome> pending;

    [[nodiscard]] bool to_write() const { return !begun_written || !ended_written || !pending.empty(); }
  };

  Run& run_of(std::int64_t number) {
    if (number < 1 || static_cast<std::size_t>(number) > runs_.size())
      throw std::invalid_argument("history: a run that was not begun");
    return runs_[static_cast<std::size_t>(number - 1)];
  }

  [[nodiscard]] bool is_dropping() const { return !database_ || database_->access() == Access::read_only; }

  // False where another process's lock is in the way; nothing is given up then.
  bool flush(Run& run, std::chrono::milliseconds patience) {
    if (is_dropping()) return true;
    return attempt(patience, [&](Database& database) {
      if (database.access() == Access::read_only) return;  // after a recovery
      Transaction transaction(database.connection());
      Tables& tables = database.tables();
      const auto suite = tables.find_or_add_suite(run.suite);
      const auto key = tables.find_or_add_run(suite, run.id, run.begun);
      for (const Outcome& outcome : run.pending) tables.record(suite, key, run.begun, outcome);
      if (run.ended) {
        tables.end_run(key, *run.ended);
        tables.forget_old(*run.ended);
      }
      transaction.commit();
      run.begun_written = run.ended_written = true;
      run.pending.clear();
    });
  }

  // Does the work, if need be again on what `recover` found in the place of a database that failed. False where
  // nothing but another process's lock is in the way, or where even a database in memory fails.
  template <typename Work>
  bool attempt(std::chrono::milliseconds patience, Work work) {
    for (int tries = 0; tries < 4 && database_; ++tries) {
      try {
        if (use_ == Use::run && database_->was_replaced()) reopen(std::nullopt);
        database_->connection().set_patience(patience);
        work(*database_);
        return true;
      } catch (const SqliteError& error) {
        if (error.is_busy()) return false;
        recover(error);
      }
    }
    return false;
  }

  void recover(const SqliteError& error) {
    const auto identity = database_->identity();
    if (use_ == Use::reading || database_->access() == Access::memory) {
      notices_.push_back(fmt::format("{}: the history is given up: {}", file_.string(), error.what()));
      database_.reset();
    } else if (error.is_damage() && identity) {
      reopen(Condemned{*identity, error.what()});
    } else {
      database_.reset();
      database_ = guarded([&] { return open_in_memory(file_, error.what(), notices_); });
    }
  }

  void reopen(const std::optional<Condemned>& condemned) {
    database_.reset();
    database_ = guarded([&] { return open_for_run(file_, notices_, condemned); });
  }

  // No database at all where there is no memory for one.
  template <typename Open>
  std::unique_ptr<Database> guarded(Open open) {
    try {
      return open();
    } catch (const SqliteError& error) {
      notices_.push_back(fmt::format("{}: the history cannot be kept: {}", file_.string(), error.what()));
      return nullptr;
    }
  }

  std::filesystem::path file_;
  Use use_;
  std::vector<std::string> notices_;
  std::unique_ptr<Database> database_;
  std::vector<Run> runs_;
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::open(const std::filesystem::path& file) {
  return Store(std::make_unique<Impl>(file));
}

Result<Store> Store::open_to_read(const std::filesystem::path& file) {
  auto database = history::open_to_read(file);
  if (!database) return tl::unexpected(database.error());
  return Store(std::make_unique<Impl>(file, std::move(*database)));
}

Store Store::empty() {
  return Store(std::make_unique<Impl>(std::filesystem::path(), nullptr));
}

const std::vector<std::string>& Store::notices() const {
  return impl_->notices();
}

std::vector<plan::Prediction> Store::predict(const std::string& suite, const std::vector<std::string>& ids) {
  return impl_->predict(suite, ids);
}

std::int64_t Store::begin_run(const std::string& suite, const std::string& run_id) {
  return impl_->begin_run(suite, run_id);
}

void Store::record(std::int64_t run, const std::vector<Outcome>& results) {
  impl_->record(run, results);
}

void Store::end_run(std::int64_t run) {
  impl_->end_run(run);
}

bool Store::has_ended(const std::string& suite, const std::string& run_id) {
  return impl_->has_ended(suite, run_id);
}

Result<void> Store::copy_to(const std::filesystem::path& file) {
  return impl_->copy_to(file);
}

std::vector<std::string> Store::suites() {
  return impl_->suites();
}

std::vector<Known> Store::all(const std::string& suite) {
  return impl_->all(suite);
}

std::vector<std::vector<Bytes>> Store::body_peaks(const std::string& suite, const std::vector<std::string_view>& ids) {
  return impl_->body_peaks(suite, ids);
}

bool Store::FactsOf::nothing_in_common() const {
  constexpr std::size_t kEnoughToTell = 20;
  return facts.size() >= kEnoughToTell && others >= kEnoughToTell &&
         std::none_of(facts.begin(), facts.end(), [](const Facts& test) { return test.known; });
}

Store::FactsOf Store::facts(const std::string& suite, const TestList& tests) {
  std::vector<Known> known = impl_->all(suite);
  std::unordered_map<std::string_view, const Known*> by_id;
  by_id.reserve(known.size());
  for (const Known& test : known) by_id.emplace(test.id, &test);
  FactsOf found{std::vector<Facts>(tests.size()), known.size()};
  for (TestIndex test = 0; test < tests.size(); ++test) {
    const auto entry = by_id.find(tests.id(test));
    if (entry == by_id.end()) continue;
    const Known& it = *entry->second;
    found.facts[test] = {true,
                         it.peak,
                         it.retained,
                         it.duration,
                         it.runs,
                         it.last,
                         it.heap ? std::optional(it.heap->peak) : std::nullopt};
    if (found.others > 0) --found.others;  // an id may occur twice
  }
  return found;
}

}  // namespace fittest::history
