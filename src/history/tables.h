#pragma once
// The statements on a history's tables. Every call can throw SqliteError; those that write belong inside a Transaction.
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "history/sqlite.h"
#include "history/store.h"
#include "history/summary.h"

namespace fittest::history {

// What is said of a test in its own row, its results aside.
struct TestRow {
  std::string_view id;  // until the next row
  Summary summary;
  std::uint32_t runs = 0;
  std::int64_t last_run = 0;
};

class Tables {
 public:
  // Fails where the tables are not those of schema.h.
  explicit Tables(Connection& connection);

  std::vector<std::string> suites();
  std::optional<std::int64_t> find_suite(std::string_view name);
  // All tests of a suite, by the bytes of their ids, smallest first.
  void for_each_test(std::int64_t suite, const std::function<void(const TestRow&)>& use);

  std::int64_t find_or_add_suite(std::string_view name);
  // A run that is there already is gone on with.
  std::int64_t find_or_add_run(std::int64_t suite, std::string_view id, std::int64_t begun);
  void end_run(std::int64_t run, std::int64_t ended);
  // HeapFigures::body_peak of the last runs in which the test passed, the oldest first.
  std::vector<Bytes> body_peaks(std::int64_t suite, std::string_view id);
  bool has_ended(std::int64_t suite, std::string_view id);
  void record(std::int64_t suite, std::int64_t run, std::int64_t begun, const Outcome& outcome);
  // Tests that have not run for half a year, and of the rest the ones not run for longest where there are very many
  // (ids that hold an address or a date are new in every run).
  void forget_old(std::int64_t now);

 private:
  struct Found {
    std::int64_t key = 0;
    std::int64_t runs = 0;
    std::int64_t last_run = 0;
  };
  std::optional<Found> find_test(std::int64_t suite, std::string_view id);
  // The kept results of a test, the oldest first; the span is good until the next call.
  std::span<Row> read_results(std::int64_t test);
  void write_result(std::int64_t test, const Row& row);
  void keep_body_peak(std::int64_t test, std::int64_t run, Verdict verdict, const std::optional<HeapFigures>& heap);

  std::array<Row, kKeptResults + 1> rows_;  // room for one more, before the oldest goes
  Statement suites_, find_suite_, add_suite_, find_run_, add_run_, end_run_, ended_run_, trim_runs_;
  Statement tests_, find_test_, new_key_, add_test_, change_test_;
  Statement results_, put_result_, drop_result_;
  Statement body_peaks_, put_body_peak_, drop_body_peak_, trim_body_peaks_;
  Statement count_tests_, nth_oldest_, forget_results_, forget_body_peaks_, forget_tests_;
};

}  // namespace fittest::history
