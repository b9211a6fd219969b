#include "merge/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "report/words.h"

namespace fittest::merge {
namespace {

using report::counted;
using report::format_count;

Row row_of(const Merged& merged, std::size_t number) {
  const Run& run = merged.runs[number];
  const RunCounts counts = counts_of(run);
  const auto& ended = run.journal.ended;
  Row row;
  row.name = run.name();
  if (merged.attempts[number] > 1) row.name += fmt::format(" #{}", merged.attempts[number]);
  row.figures = {format_count(counts.tests()),
                 format_count(counts.passed),
                 format_count(counts.failed),
                 format_count(counts.other + counts.without_verdict),
                 report::format_span(run.lasted()),
                 format_bytes(run.journal.peak),
                 ended ? std::to_string(ended->exit_code) : "none"};
  row.failed = !merged.superseded[number] && (!ended || (ended->exit_code != 0 && ended->exit_code != 5));
  return row;
}

Row sum_of(const Merged& merged) {
  Seconds longest = 0;
  Bytes peak;
  for (const Run& run : merged.runs) {
    longest = std::max(longest, run.lasted());
    peak = std::max(peak, run.journal.peak);
  }
  const std::size_t passed = merged.count(Verdict::passed);
  const std::size_t failed = merged.failures();
  Row row;
  row.name = "together";
  row.figures = {format_count(merged.tests.size()),
                 format_count(passed),
                 format_count(failed),
                 format_count(merged.tests.size() - passed - failed),
                 report::format_span(longest),
                 format_bytes(peak),
                 std::to_string(merged.exit_code())};
  row.failed = merged.exit_code() != 0;
  return row;
}

}  // namespace

std::vector<Row> rows_of(const Merged& merged) {
  std::vector<Row> rows;
  std::vector<std::size_t> numbers(merged.runs.size());
  std::iota(numbers.begin(), numbers.end(), 0U);
  std::ranges::stable_sort(numbers, {}, [&](std::size_t number) { return job_of(merged.runs[number]); });
  for (const std::size_t number : numbers) rows.push_back(row_of(merged, number));
  rows.push_back(sum_of(merged));
  return rows;
}

std::string headline(const Merged& merged, char space) {
  std::string text = fmt::format("{} of {}", counted(merged.tests.size(), "test"), counted(merged.runs.size(), "run"));
  std::string separator = ": ";
  const auto add = [&](std::size_t count, std::string_view what) {
    if (count == 0) return;
    text += fmt::format("{}{}{}{}", std::exchange(separator, ", "), format_count(count), space, what);
  };
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    if (is_failure(static_cast<Verdict>(i))) add(merged.verdicts[i], kVerdictNames[i]);
  }
  add(merged.missing, "missing");
  for (const Verdict verdict :
       {Verdict::not_run, Verdict::passed, Verdict::skipped, Verdict::xfailed, Verdict::xpassed}) {
    add(merged.count(verdict), name(verdict));
  }
  if (merged.mended > 0) text += fmt::format("; {} failed in an earlier attempt", format_count(merged.mended));
  return text;
}

std::string origin_of(const Merged& merged, const MergedTest& test) {
  if (test.state == MergedTest::State::settled) {
    return merged.runs.size() < 2 ? "" : fmt::format("[{}]", merged.runs[test.run].name());
  }
  const std::string& variant = merged.parts[test.part].variant;
  return variant.empty() ? "" : fmt::format("[{}]", variant);
}

Failures failures_of(const Merged& merged) {
  Failures failures;
  for (const MergedTest& test : merged.tests) {
    if (test.state == MergedTest::State::missing) {
      failures.missing.push_back(&test);
    } else if (test.state == MergedTest::State::not_run) {
      failures.not_run.push_back(&test);
    } else if (is_failure(test.finished->verdict)) {
      failures.failed.push_back(&test);
    }
  }
  return failures;
}

}  // namespace fittest::merge
