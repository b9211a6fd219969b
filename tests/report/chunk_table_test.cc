#include "report/chunk_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "report/width.h"

namespace fittest::report {
namespace {

using State = ChunkResult::State;

ChunkResult result(const std::string& name, State state, std::map<Verdict, std::uint32_t> verdicts, Seconds took,
                   Bytes peak, std::optional<int> exit, const std::string& remark = "") {
  ChunkResult out;
  out.name = name;
  out.state = state;
  for (const auto& [verdict, count] : verdicts) {
    out.verdicts[static_cast<std::size_t>(verdict)] = count;
    out.tests += count;
  }
  out.took = took;
  out.peak = peak;
  out.exit = exit;
  out.remark = remark;
  return out;
}

std::vector<ChunkResult> a_bad_day() {
  std::vector<ChunkResult> results = {
      result("unit_fast", State::passed, {{Verdict::passed, 18118}}, 84.4, MiB(612), 0),
      result("unit_memory", State::failed, {{Verdict::passed, 24}, {Verdict::failed, 1}, {Verdict::over_budget, 1}},
             305, GiB(1), 1),
      result("integration_with_a_very_long_name_indeed", State::failed,
             {{Verdict::passed, 2}, {Verdict::skipped, 3}, {Verdict::not_run, 24}}, 60.2, MiB(90), 2,
             "timed out after 60 s"),
      result("empty", State::passed, {}, 0.3, Bytes{}, 5, "no tests"),
      result("stress", State::not_run, {{Verdict::not_run, 24}}, 0, Bytes{}, std::nullopt,
             "left out after the failure above")};
  results[1].failures = {{Verdict::failed, "tests/memory/test_a.py::test_x[1]", ""},
                         {Verdict::over_budget, "tests/memory/test_a.py::test_\n_y", "needs more than 1.0 GiB"}};
  return results;
}

std::string text(const std::vector<std::string>& lines) {
  std::string out = "\n";
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

TEST(ChunkTable, IsWhatAPersonReads) {
  EXPECT_EQ(text(chunk_table(a_bad_day(), 80, Style(false))), R"(
chunk                        tests  passed failed other       time     peak exit
unit_fast                   18,118  18,118      0     0       84 s  612 MiB    0
unit_memory                     26      24      1     1 5 min 05 s  1.0 GiB    1
    1 over_budget
integra...long_name_indeed      29       2      0    27       60 s   90 MiB    2
    3 skipped, 24 not_run; timed out after 60 s
empty                            0       0      0     0      0.3 s        -    5
    no tests
stress                          24       0      0    24          -        -    -
    24 not_run; left out after the failure above
all                         18,197  18,144      1    52 7 min 30 s  1.0 GiB
    1 over_budget, 3 skipped, 48 not_run
)");
}

TEST(ChunkTable, FailuresAreNamedWhole) {
  EXPECT_EQ(text(chunk_failures(a_bad_day(), Style(false))), R"(
failed       tests/memory/test_a.py::test_x[1]
over_budget  tests/memory/test_a.py::test_ _y
)");
}

TEST(ChunkTable, OneChunkNeedsNoSum) {
  const std::vector<ChunkResult> one = {a_bad_day().front()};
  EXPECT_EQ(chunk_table(one, 80, Style(false)).size(), 2U);
}

TEST(ChunkTable, NoLineIsWiderThanTheTerminal) {
  for (const unsigned columns : {80U, 100U, 200U}) {
    for (const std::string& line : chunk_table(a_bad_day(), columns, Style(true))) {
      EXPECT_LE(display_width(line), columns) << line;
    }
  }
}

TEST(ChunkTable, VeryManyFailuresAreCounted) {
  std::vector<ChunkResult> results(2);
  for (ChunkResult& each : results) each.failures.resize(80, {Verdict::failed, "t.py::test", ""});
  const auto lines = chunk_failures(results, Style(false));
  EXPECT_EQ(lines.size(), 101U);
  EXPECT_EQ(lines.back(), "and 60 more");
}

}  // namespace
}  // namespace fittest::report
