#include "history/summary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace fittest::history {
namespace {

Row result(std::int64_t run, Bytes peak, Seconds duration = 1, Verdict verdict = Verdict::passed) {
  return {run, verdict, peak, std::nullopt, Bytes{}, duration};
}

Row killed(std::int64_t run, Bytes at_least) {
  return {run, Verdict::not_run, std::nullopt, at_least, Bytes{}, 0.5};
}

std::vector<Row> random_rows(std::mt19937_64& random) {
  std::vector<Row> rows;
  const auto count = random() % kKeptResults + 1;
  for (std::uint64_t run = 0; run < count; ++run) {
    Row row{static_cast<std::int64_t>(run),
            static_cast<Verdict>(random() % kVerdictCount),
            std::nullopt,
            std::nullopt,
            Bytes{random() >> (random() % 60 + 4)},
            static_cast<double>(random() % 1000) / 100};
    if (random() % 4 != 0) row.peak = Bytes{random() >> (random() % 60 + 4)};
    if (random() % 4 == 0) row.at_least = Bytes{random() >> (random() % 60 + 4)};
    rows.push_back(row);
  }
  return rows;
}

TEST(Summary, OfOneResultIsThatResult) {
  const Row row{1, Verdict::failed, MiB(7), std::nullopt, MiB(1), 2.5};
  const Summary summary = summarise(std::vector{row});
  EXPECT_EQ(summary.peak, MiB(7));
  EXPECT_EQ(summary.retained, MiB(1));
  EXPECT_EQ(summary.duration, 2.5);
  EXPECT_EQ(summary.counted, 1U);
  EXPECT_EQ(summary.last, Verdict::failed);
}

TEST(Summary, TakesTheHighestPeakAndWeighsTheLastDurationMost) {
  const Summary summary = summarise(std::vector{result(1, MiB(90), 1), result(2, MiB(10), 1), result(3, MiB(20), 2)});
  EXPECT_EQ(summary.peak, MiB(90));
  EXPECT_NEAR(summary.duration, 1.3, 1e-9);
}

TEST(Summary, SkippedResultsDoNotMakeATestLookSmallOrFast) {
  const Summary summary = summarise(std::vector{result(1, MiB(90), 3), result(2, Bytes{10}, 0, Verdict::skipped)});
  EXPECT_EQ(summary.peak, MiB(90));
  EXPECT_EQ(summary.duration, 3);
  EXPECT_EQ(summary.counted, 1U);
  EXPECT_EQ(summary.last, Verdict::skipped);
}

TEST(Summary, OfSkippedResultsAloneIsTheirs) {
  const Summary summary = summarise(std::vector{result(1, KiB(8), 0.001, Verdict::skipped)});
  EXPECT_EQ(summary.peak, KiB(8));
  EXPECT_EQ(summary.counted, 0U);
}

TEST(Summary, AKillSaysHowMuchAtLeastAndLeavesTheVerdict) {
  const Summary summary = summarise(std::vector{result(1, MiB(5), 3), killed(2, MiB(300))});
  EXPECT_EQ(summary.peak, MiB(5));
  EXPECT_EQ(summary.at_least, MiB(300));
  EXPECT_EQ(summary.duration, 3);
  EXPECT_EQ(summary.last, Verdict::passed);
}

TEST(Merged, AResultAfterAKillInTheSameRunKeepsBoth) {
  const Row row = merged(killed(4, MiB(300)), result(9, MiB(320)));
  EXPECT_EQ(row.run, 4);
  EXPECT_EQ(row.verdict, Verdict::passed);
  EXPECT_EQ(row.peak, MiB(320));
  EXPECT_EQ(row.at_least, MiB(300));
}

TEST(Merged, AKillAfterAResultDoesNotTakeTheVerdictBack) {
  const Row row = merged(result(4, MiB(20), 7, Verdict::failed), killed(4, MiB(300)));
  EXPECT_EQ(row.verdict, Verdict::failed);
  EXPECT_EQ(row.peak, MiB(20));
  EXPECT_EQ(row.at_least, MiB(300));
  EXPECT_EQ(row.duration, 7);
}

TEST(Merged, OfTheHeapTheHigherCounts) {
  Row first = result(1, MiB(1));
  Row second = result(1, MiB(1));
  first.heap = HeapFigures{MiB(5), MiB(6), 7, {}};
  second.heap = HeapFigures{MiB(4), MiB(8), 6, MiB(2)};
  for (const Row& row : {merged(first, second), merged(second, first)}) {
    EXPECT_EQ(row.heap->peak, MiB(5));
    EXPECT_EQ(row.heap->allocated, MiB(8));
    EXPECT_EQ(row.heap->allocations, 7U);
    EXPECT_EQ(row.heap->body_peak, MiB(2));
  }
  EXPECT_EQ(merged(first, result(1, MiB(1))).heap->peak, MiB(5)) << "where the later one was not watched";
}

TEST(ExpectedPeak, OfNothingMeasuredIsNothing) {
  EXPECT_FALSE(expected_peak({}));
  EXPECT_FALSE(expected_peak(summarise(std::vector{Row{1, Verdict::passed, {}, {}, {}, 1}})));
}

TEST(ExpectedPeak, TheMarginShrinksWithResultsAndIsNeverUnderAMebibyte) {
  std::vector<Row> rows;
  Bytes before = GiB(1000);
  for (int run = 1; run <= static_cast<int>(kKeptResults); ++run) {
    rows.push_back(result(run, MiB(100)));
    const Bytes expected = expected_peak(summarise(rows)).value();
    EXPECT_LT(expected, before);
    before = expected;
  }
  EXPECT_EQ(expected_peak(summarise(std::vector{result(1, MiB(100))})), MiB(125));
  EXPECT_EQ(before, MiB(107));
  EXPECT_EQ(expected_peak(summarise(std::vector{result(1, Bytes{0})})), MiB(1));
}

TEST(ExpectedPeak, IsAboveEveryPeakAndEveryKill) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 20'000; ++i) {
    const auto rows = random_rows(random);
    const Summary summary = summarise(rows);
    const auto expected = expected_peak(summary);
    for (const Row& row : rows) {
      // A skipped test's peak is not believed where others are there.
      if (row.peak && (row.counts() || summary.counted == 0)) {
        EXPECT_GE(expected.value(), *row.peak + MiB(1));
      }
      if (row.at_least) {
        EXPECT_GT(expected.value(), *row.at_least);
      }
    }
  }
}

TEST(ExpectedPeak, IsNeverLowerForAHigherKillOrPeak) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 20'000; ++i) {
    auto rows = random_rows(random);
    const auto before = expected_peak(summarise(rows));
    Row& row = rows[random() % rows.size()];
    auto& raised = random() % 2 == 0 ? row.at_least : row.peak;
    raised = raised.value_or(Bytes{}) + Bytes{random() >> (random() % 60 + 4)};
    const auto after = expected_peak(summarise(rows));
    EXPECT_GE(after.value_or(Bytes{}), before.value_or(Bytes{}));
  }
}

}  // namespace
}  // namespace fittest::history
