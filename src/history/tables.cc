#include "history/tables.h"

#include <algorithm>
#include <cmath>

namespace fittest::history {
namespace {

constexpr std::int64_t kForgottenAfter = std::int64_t{180} * 24 * 3600;  // seconds
constexpr std::int64_t kMostTests = 500'000;
constexpr std::int64_t kMostRuns = 1'000;

// Far above any machine, far below where sums and margins would overflow.
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 60;
constexpr Seconds kMostSeconds = 1e9;

std::int64_t stored(Bytes bytes) {
  return static_cast<std::int64_t>(std::min(bytes.value, kMostBytes));
}

std::optional<std::int64_t> stored(const std::optional<Bytes>& bytes) {
  if (!bytes) return std::nullopt;
  return stored(*bytes);
}

std::int64_t stored_microseconds(Seconds seconds) {
  if (!(seconds > 0)) return 0;  // not a number, too
  return std::llround(std::min(seconds, kMostSeconds) * 1e6);
}

// A damaged page can hold anything.
Bytes bytes_at(const Cursor& row, int column) {
  return {std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(0, row.number(column))), kMostBytes)};
}

std::optional<Bytes> maybe_bytes_at(const Cursor& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return bytes_at(row, column);
}

Seconds seconds_at(const Cursor& row, int column) {
  return std::clamp(static_cast<double>(row.number(column)) / 1e6, 0.0, kMostSeconds);
}

std::uint32_t count_at(const Cursor& row, int column) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(row.number(column), 0, UINT32_MAX));
}

// From three columns, the peak's first.
std::optional<HeapFigures> heap_at(const Cursor& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return HeapFigures{bytes_at(row, column), bytes_at(row, column + 1),
                     static_cast<std::uint64_t>(std::max<std::int64_t>(0, row.number(column + 2)))};
}

struct StoredHeap {
  std::optional<std::int64_t> peak, allocated, allocations;
};
StoredHeap stored(const std::optional<HeapFigures>& heap) {
  if (!heap) return {};
  return {stored(heap->peak), stored(heap->allocated), stored(Bytes{heap->allocations})};
}

Verdict verdict_at(const Cursor& row, int column) {
  return verdict_from(row.text(column)).value_or(Verdict::not_run);
}

}  // namespace

Tables::Tables(Connection& c)
    : suites_(c, "SELECT name FROM suite ORDER BY name"),
      find_suite_(c, "SELECT key FROM suite WHERE name = ?1"),
      add_suite_(c, "INSERT INTO suite(name) VALUES(?1)"),
      find_run_(c, "SELECT key FROM run WHERE suite = ?1 AND id = ?2"),
      add_run_(c, "INSERT INTO run(suite, id, begun) VALUES(?1, ?2, ?3)"),
      end_run_(c, "UPDATE run SET ended = ?2 WHERE key = ?1"),
      ended_run_(c, "SELECT 1 FROM run WHERE suite = ?1 AND id = ?2 AND ended IS NOT NULL"),
      trim_runs_(c, "DELETE FROM run WHERE key <= (SELECT max(key) FROM run) - ?1"),
      tests_(c,
             "SELECT id, peak, at_least, retained, duration, counted, runs, verdict, last_run, heap_peak, "
             "heap_allocated, heap_allocations FROM test WHERE suite = ?1 ORDER BY id"),
      find_test_(c, "SELECT key, runs, last_run FROM test WHERE suite = ?1 AND id = ?2"),
      new_key_(c, "SELECT coalesce(max(key), 0) + 1 FROM test"),
      add_test_(c, "INSERT INTO test VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"),
      change_test_(c,
                   "UPDATE test SET peak = ?3, at_least = ?4, retained = ?5, duration = ?6, counted = ?7, runs = ?8, "
                   "verdict = ?9, last_run = ?10, heap_peak = ?11, heap_allocated = ?12, heap_allocations = ?13 "
                   "WHERE suite = ?1 AND id = ?2"),
      results_(c,
               "SELECT run, verdict, peak, at_least, retained, duration, heap_peak, heap_allocated, heap_allocations "
               "FROM result WHERE test = ?1 ORDER BY run"),
      put_result_(c, "INSERT OR REPLACE INTO result VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"),
      drop_result_(c, "DELETE FROM result WHERE test = ?1 AND run = ?2"),
      body_peaks_(c, "SELECT bytes FROM body_peak WHERE test = ?1 ORDER BY run"),
      put_body_peak_(c,
                     "INSERT INTO body_peak VALUES(?1, ?2, ?3) "
                     "ON CONFLICT DO UPDATE SET bytes = max(bytes, excluded.bytes)"),
      drop_body_peak_(c, "DELETE FROM body_peak WHERE test = ?1 AND run = ?2"),
      trim_body_peaks_(c,
                       "DELETE FROM body_peak WHERE test = ?1 AND run <= "
                       "(SELECT run FROM body_peak WHERE test = ?1 ORDER BY run DESC LIMIT 1 OFFSET ?2)"),
      count_tests_(c, "SELECT count(*) FROM test"),
      nth_oldest_(c, "SELECT last_run FROM test ORDER BY last_run LIMIT 1 OFFSET ?1"),
      forget_results_(c, "DELETE FROM result WHERE test IN (SELECT key FROM test WHERE last_run < ?1)"),
      forget_body_peaks_(c, "DELETE FROM body_peak WHERE test IN (SELECT key FROM test WHERE last_run < ?1)"),
      forget_tests_(c, "DELETE FROM test WHERE last_run < ?1") {}

std::vector<std::string> Tables::suites() {
  std::vector<std::string> names;
  Cursor row(suites_);
  while (row.next()) names.emplace_back(row.text(0));
  return names;
}

std::optional<std::int64_t> Tables::find_suite(std::string_view name) {
  Cursor row(find_suite_, name);
  if (!row.next()) return std::nullopt;
  return row.number(0);
}

void Tables::for_each_test(std::int64_t suite, const std::function<void(const TestRow&)>& use) {
  Cursor row(tests_, suite);
  while (row.next()) {
    TestRow test;
    test.id = row.text(0);
    test.summary.peak = maybe_bytes_at(row, 1);
    test.summary.at_least = maybe_bytes_at(row, 2);
    test.summary.retained = bytes_at(row, 3);
    test.summary.duration = seconds_at(row, 4);
    test.summary.counted = count_at(row, 5);
    test.runs = count_at(row, 6);
    test.summary.last = verdict_at(row, 7);
    test.last_run = row.number(8);
    test.summary.heap = heap_at(row, 9);
    use(test);
  }
}

std::int64_t Tables::find_or_add_suite(std::string_view name) {
  if (const auto found = find_suite(name)) return *found;
  run(add_suite_, name);
  return find_suite(name).value();
}

std::int64_t Tables::find_or_add_run(std::int64_t suite, std::string_view id, std::int64_t begun) {
  const auto find = [&]() -> std::optional<std::int64_t> {
    Cursor row(find_run_, suite, id);
    if (!row.next()) return std::nullopt;
    return row.number(0);
  };
  if (const auto found = find()) return *found;
  history::run(add_run_, suite, id, begun);
  return find().value();
}

void Tables::end_run(std::int64_t run, std::int64_t ended) {
  history::run(end_run_, run, ended);
  history::run(trim_runs_, kMostRuns);
}

bool Tables::has_ended(std::int64_t suite, std::string_view id) {
  Cursor row(ended_run_, suite, id);
  return row.next();
}

std::optional<Tables::Found> Tables::find_test(std::int64_t suite, std::string_view id) {
  Cursor row(find_test_, suite, id);
  if (!row.next()) return std::nullopt;
  return Found{row.number(0), row.number(1), row.number(2)};
}

std::span<Row> Tables::read_results(std::int64_t test) {
  std::size_t count = 0;
  Cursor row(results_, test);
  while (count < kKeptResults && row.next()) {
    rows_[count++] = {row.number(0),    verdict_at(row, 1), maybe_bytes_at(row, 2), maybe_bytes_at(row, 3),
                      bytes_at(row, 4), seconds_at(row, 5), heap_at(row, 6)};
  }
  return {rows_.data(), count};
}

void Tables::write_result(std::int64_t test, const Row& row) {
  const StoredHeap heap = stored(row.heap);
  run(put_result_, test, row.run, name(row.verdict), stored(row.peak), stored(row.at_least), stored(row.retained),
      stored_microseconds(row.duration), heap.peak, heap.allocated, heap.allocations);
}

std::vector<Bytes> Tables::body_peaks(std::int64_t suite, std::string_view id) {
  std::vector<Bytes> peaks;
  if (const auto test = find_test(suite, id)) {
    Cursor row(body_peaks_, test->key);
    while (row.next()) peaks.push_back(bytes_at(row, 0));
  }
  return peaks;
}

// `verdict`: what the test has in this run by now.
void Tables::keep_body_peak(std::int64_t test, std::int64_t run, Verdict verdict,
                            const std::optional<HeapFigures>& heap) {
  if (verdict != Verdict::passed && verdict != Verdict::xpassed) {
    history::run(drop_body_peak_, test, run);
  } else if (heap && heap->body_peak) {
    history::run(put_body_peak_, test, run, stored(*heap->body_peak));
    history::run(trim_body_peaks_, test, static_cast<std::int64_t>(kKeptResults));
  }
}

void Tables::record(std::int64_t suite, std::int64_t run, std::int64_t begun, const Outcome& outcome) {
  Row row{run, outcome.verdict, outcome.peak, outcome.at_least, outcome.retained, outcome.duration, outcome.heap};
  // A test that did not start says nothing, not even that it exists.
  if (row.verdict == Verdict::not_run && !row.peak && !row.at_least) return;

  const std::optional<Found> known = find_test(suite, outcome.id);
  std::int64_t key = 0;
  std::span<Row> rows;
  if (known) {
    key = known->key;
    rows = read_results(key);
  } else {
    Cursor next(new_key_);
    if (next.next()) key = next.number(0);
  }

  const auto same_run = std::ranges::find(rows, run, &Row::run);
  const bool was_run = same_run != rows.end() && same_run->verdict != Verdict::not_run;
  if (same_run != rows.end()) {
    *same_run = row = merged(*same_run, row);
  } else {
    // Another run may have begun later and recorded already: in its place by the run's order, at the end as a rule.
    const auto place = std::ranges::upper_bound(rows, run, {}, &Row::run) - rows.begin();
    std::move_backward(rows_.begin() + place, rows_.begin() + static_cast<std::ptrdiff_t>(rows.size()),
                       rows_.begin() + static_cast<std::ptrdiff_t>(rows.size()) + 1);
    rows_[static_cast<std::size_t>(place)] = row;
    rows = {rows_.data(), rows.size() + 1};
  }
  write_result(key, row);
  keep_body_peak(key, run, row.verdict, outcome.heap);
  if (rows.size() > kKeptResults) {
    history::run(drop_result_, key, rows.front().run);
    rows = rows.subspan(1);
  }

  const Summary summary = summarise(rows);
  const std::int64_t runs = (known ? known->runs : 0) + (row.verdict != Verdict::not_run && !was_run ? 1 : 0);
  const std::int64_t last_run = std::max(begun, known ? known->last_run : begun);
  const auto duration = stored_microseconds(summary.duration);
  const StoredHeap heap = stored(summary.heap);
  if (known) {
    history::run(change_test_, suite, outcome.id, stored(summary.peak), stored(summary.at_least),
                 stored(summary.retained), duration, summary.counted, runs, name(summary.last), last_run, heap.peak,
                 heap.allocated, heap.allocations);
  } else {
    history::run(add_test_, suite, outcome.id, key, stored(summary.peak), stored(summary.at_least),
                 stored(summary.retained), duration, summary.counted, runs, name(summary.last), last_run, heap.peak,
                 heap.allocated, heap.allocations);
  }
}

void Tables::forget_old(std::int64_t now) {
  std::int64_t before = now - kForgottenAfter;
  std::int64_t count = 0;
  {
    Cursor row(count_tests_);
    if (row.next()) count = row.number(0);
  }
  if (count > kMostTests) {
    Cursor row(nth_oldest_, count - kMostTests);
    if (row.next()) before = std::max(before, row.number(0));
  }
  run(forget_results_, before);
  run(forget_body_peaks_, before);
  run(forget_tests_, before);
}

}  // namespace fittest::history
