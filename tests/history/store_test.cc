#include "history/store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "fixture.h"
#include "history/summary.h"

namespace fittest::history {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class StoreTest : public InFolder {
 protected:
  // The first column of the first row, by a connection of our own.
  std::int64_t ask(const char* sql) const {
    sqlite3* database = nullptr;
    sqlite3_stmt* statement = nullptr;
    sqlite3_open(file().c_str(), &database);
    sqlite3_prepare_v2(database, sql, -1, &statement, nullptr);
    EXPECT_THAT(sqlite3_step(statement), testing::AnyOf(SQLITE_ROW, SQLITE_DONE)) << sqlite3_errmsg(database);
    const std::int64_t answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return answer;
  }
};

TEST_F(StoreTest, NothingKnownGivesThePriorInTheOrderAsked) {
  auto store = Store::open(file());
  EXPECT_THAT(store.notices(), IsEmpty());
  const auto predictions = store.predict("pytest", {"b.py::b", "a.py::a"});
  ASSERT_EQ(predictions.size(), 2U);
  for (const auto& prediction : predictions) {
    EXPECT_EQ(prediction.peak, MiB(64));
    EXPECT_EQ(prediction.duration, 0.1);
    EXPECT_FALSE(prediction.known);
  }
  EXPECT_THAT(store.predict("pytest", {}), IsEmpty());
}

TEST_F(StoreTest, MakesTheFolderAndKeepsResultsBetweenRuns) {
  const auto deep = folder_ / "a" / ".fittest" / "history.db";
  {
    auto store = Store::open(deep);
    Outcome result = outcome("a.py::x", MiB(100), 2.5, Verdict::failed);
    result.retained = MiB(3);
    one_run(store, "1", {result});
  }
  auto store = Store::open(deep);
  EXPECT_THAT(store.notices(), IsEmpty());
  EXPECT_THAT(store.suites(), ElementsAre("pytest"));
  const auto known = store.all("pytest");
  ASSERT_EQ(known.size(), 1U);
  EXPECT_EQ(known[0].id, "a.py::x");
  EXPECT_EQ(known[0].peak, MiB(100));
  EXPECT_FALSE(known[0].at_least);
  EXPECT_EQ(known[0].retained, MiB(3));
  EXPECT_EQ(known[0].duration, 2.5);
  EXPECT_EQ(known[0].runs, 1U);
  EXPECT_EQ(known[0].last, Verdict::failed);
  EXPECT_NEAR(static_cast<double>(known[0].last_run), static_cast<double>(std::time(nullptr)), 300);
  const auto prediction = store.predict("pytest", {"a.py::x"}).at(0);
  EXPECT_TRUE(prediction.known);
  EXPECT_EQ(prediction.peak, MiB(125));
  EXPECT_EQ(prediction.duration, 2.5);
}

TEST_F(StoreTest, KnownAndUnknownTestsMixedInAnyOrder) {
  auto store = Store::open(file());
  one_run(store, "1",
          {outcome("a.py::x", MiB(100), 1), outcome("b.py::y", MiB(200), 2), outcome("c.py::z", MiB(8), 3)});
  const auto predictions =
      store.predict("pytest", {"c.py::z", "b.py::new", "zzz", "a.py::x", "a.py::x", "b.py::y", "a.py::T::new"});
  EXPECT_EQ(predictions[0].peak, MiB(10));
  EXPECT_EQ(predictions[1].peak, MiB(250));
  EXPECT_FALSE(predictions[1].known);
  EXPECT_EQ(predictions[2].peak, MiB(250)) << "upper quartile of the suite";
  EXPECT_EQ(predictions[3].peak, MiB(125));
  EXPECT_EQ(predictions[4].peak, MiB(125)) << "an id asked for twice";
  EXPECT_TRUE(predictions[4].known);
  EXPECT_EQ(predictions[5].peak, MiB(250));
  EXPECT_EQ(predictions[6].peak, MiB(125));
}

TEST_F(StoreTest, SuitesInOneFileKnowNothingOfEachOther) {
  auto store = Store::open(file());
  one_run(store, "1", {outcome("a.py::x", MiB(100))});
  EXPECT_FALSE(store.predict("gtest", {"a.py::x"})[0].known);
  EXPECT_EQ(store.predict("gtest", {"a.py::x"})[0].peak, MiB(64));
  EXPECT_THAT(store.all("gtest"), IsEmpty());
}

TEST_F(StoreTest, TheHighestOfTheLastRunsCountsAndOlderOnesLeave) {
  auto store = Store::open(file());
  one_run(store, "large", {outcome("a.py::x", GiB(1))});
  for (std::size_t run = 1; run < kKeptResults; ++run) {
    one_run(store, std::to_string(run), {outcome("a.py::x", MiB(10))});
    EXPECT_GE(store.predict("pytest", {"a.py::x"})[0].peak, GiB(1));
  }
  one_run(store, "last", {outcome("a.py::x", MiB(10))});
  EXPECT_LT(store.predict("pytest", {"a.py::x"})[0].peak, MiB(12));
  EXPECT_EQ(store.all("pytest").at(0).runs, kKeptResults + 1);
  EXPECT_EQ(ask("SELECT count(*) FROM result"), static_cast<std::int64_t>(kKeptResults));
}

TEST_F(StoreTest, AKilledTestIsExpectedAboveWhereItWasKilled) {
  auto store = Store::open(file());
  one_run(store, "1", {outcome("a.py::x", MiB(10), 3), killed_at("a.py::x", MiB(700)), killed_at("a.py::y", MiB(900))});
  const auto predictions = store.predict("pytest", {"a.py::x", "a.py::y"});
  EXPECT_GT(predictions[0].peak, MiB(700));
  EXPECT_EQ(predictions[0].duration, 3);
  EXPECT_GT(predictions[1].peak, MiB(900));
  EXPECT_TRUE(predictions[1].known) << "not to be corrected downwards by others' results";
  EXPECT_EQ(predictions[1].duration, 3) << "borrowed";
  const auto known = store.all("pytest");
  EXPECT_EQ(known[0].runs, 1U);
  EXPECT_EQ(known[0].last, Verdict::passed);
  EXPECT_EQ(known[1].runs, 0U);
  EXPECT_EQ(known[1].last, Verdict::not_run);
  EXPECT_EQ(known[1].peak, MiB(900));
}

TEST_F(StoreTest, ATestThatDidNotRunLeavesNoTrace) {
  auto store = Store::open(file());
  Outcome none;
  none.id = "a.py::x";
  one_run(store, "1", {none});
  EXPECT_THAT(store.all("pytest"), IsEmpty());
}

TEST_F(StoreTest, ATestWhosePeakCouldNotBeMeasuredBorrowsItAndKeepsItsDuration) {
  auto store = Store::open(file());
  Outcome unmeasured = outcome("a.py::x", Bytes{}, 7);
  unmeasured.peak.reset();
  one_run(store, "1", {unmeasured, outcome("a.py::y", MiB(100), 1)});
  const auto prediction = store.predict("pytest", {"a.py::x"})[0];
  EXPECT_EQ(prediction.peak, MiB(125));
  EXPECT_EQ(prediction.duration, 7);
  EXPECT_FALSE(prediction.known);
}

TEST_F(StoreTest, SkippedTestsLendNothing) {
  auto store = Store::open(file());
  one_run(store, "1", {outcome("a.py::x", KiB(1), 0, Verdict::skipped), outcome("b.py::y", MiB(100), 1)});
  EXPECT_EQ(store.predict("pytest", {"a.py::new"})[0].peak, MiB(125));
}

TEST_F(StoreTest, ATestRecordedTwiceInARunCountsOnceWithTheLaterVerdict) {
  auto store = Store::open(file());
  auto run = store.begin_run("pytest", "1");
  store.record(run, {outcome("a.py::x", MiB(30), 1, Verdict::failed)});
  store.record(run, {outcome("a.py::x", MiB(20), 2, Verdict::passed)});
  // Goes on after an interrupt (--resume).
  store = Store::open(file());
  run = store.begin_run("pytest", "1");
  store.record(run, {outcome("a.py::x", MiB(10), 4, Verdict::passed)});
  const auto known = store.all("pytest").at(0);
  EXPECT_EQ(known.runs, 1U);
  EXPECT_EQ(known.peak, MiB(30));
  EXPECT_EQ(known.duration, 4);
  EXPECT_EQ(known.last, Verdict::passed);
  EXPECT_EQ(ask("SELECT count(*) FROM run"), 1);
}

TEST_F(StoreTest, RunsThatInterleaveKeepTheirOwnResults) {
  auto one = Store::open(file());
  auto two = Store::open(file());
  const auto first = one.begin_run("pytest", "1");
  const auto second = two.begin_run("pytest", "2");
  two.record(second, {outcome("a.py::x", MiB(20), 1, Verdict::passed)});
  one.record(first, {outcome("a.py::x", MiB(10), 1, Verdict::failed)});
  one.record(first, {outcome("a.py::x", MiB(11), 1, Verdict::failed)});
  one.end_run(first);
  two.end_run(second);
  const auto known = one.all("pytest").at(0);
  EXPECT_EQ(known.runs, 2U);
  EXPECT_EQ(known.last, Verdict::passed) << "of the run that began last";
  EXPECT_EQ(ask("SELECT count(*) FROM result"), 2);
}

TEST_F(StoreTest, ResultsHeldUpByAnotherProcesssLockAreRecordedLater) {
  auto store = Store::open(file());
  const auto run = store.begin_run("pytest", "1");
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  store.record(run, {outcome("a.py::x", MiB(10))});
  EXPECT_THAT(store.all("pytest"), IsEmpty());
  sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  store.record(run, {outcome("a.py::y", MiB(10))});
  EXPECT_EQ(store.all("pytest").size(), 2U);
  EXPECT_THAT(store.notices(), IsEmpty());
}

TEST_F(StoreTest, AnyIdIsKeptAsItIs) {
  std::vector<std::string> ids = {"",
                                  "a\nb::c",
                                  std::string("nul\0byte", 8),
                                  "\xff\xfe::not utf-8",
                                  "'; DROP TABLE test; --",
                                  std::string(100'000, 'x'),
                                  "ü::ß[€]"};
  {
    auto store = Store::open(file());
    std::vector<Outcome> results;
    for (const auto& id : ids) results.push_back(outcome(id, MiB(100)));
    one_run(store, "'\n", results);
  }
  auto store = Store::open(file());
  for (const auto& prediction : store.predict("pytest", ids)) EXPECT_TRUE(prediction.known);
  std::vector<std::string> found;
  for (const auto& known : store.all("pytest")) found.push_back(known.id);
  std::ranges::sort(ids);
  EXPECT_EQ(found, ids);
}

TEST_F(StoreTest, AbsurdFiguresDoNotOverflow) {
  auto store = Store::open(file());
  Outcome absurd = outcome("a.py::x", Bytes{std::numeric_limits<std::uint64_t>::max()});
  absurd.at_least = absurd.retained = *absurd.peak;
  for (const double duration : {std::numeric_limits<double>::infinity(), std::nan(""), -1.0, 1e300}) {
    absurd.duration = duration;
    one_run(store, std::to_string(duration), {absurd});
  }
  const auto prediction = store.predict("pytest", {"a.py::x"})[0];
  EXPECT_GT(prediction.peak, GiB(1 << 20));
  EXPECT_LE(prediction.peak.value, std::uint64_t{1} << 61);
  EXPECT_TRUE(prediction.duration >= 0 && prediction.duration <= 1e9);
}

TEST_F(StoreTest, TestsGoneForHalfAYearAreForgottenWithTheirResults) {
  auto store = Store::open(file());
  one_run(store, "1", {outcome("a.py::gone", MiB(10)), outcome("a.py::here", MiB(10))});
  ask("UPDATE test SET last_run = last_run - 181 * 24 * 3600 WHERE id = 'a.py::gone'");
  one_run(store, "2", {outcome("a.py::here", MiB(10))});
  ASSERT_EQ(store.all("pytest").size(), 1U);
  EXPECT_EQ(store.all("pytest")[0].id, "a.py::here");
  EXPECT_EQ(ask("SELECT count(*) FROM result"), 2);
}

TEST_F(StoreTest, ARunThatWasNotBegunIsABug) {
  auto store = Store::open(file());
  EXPECT_THROW(store.record(1, {}), std::invalid_argument);
}

Outcome with_heap(Bytes peak, Bytes body, Verdict verdict = Verdict::passed) {
  Outcome result = outcome("a.py::x", MiB(10), 1, verdict);
  result.heap = HeapFigures{peak, MiB(2), 7, body};
  return result;
}

TEST_F(StoreTest, OfTheHeapTheHighestPeakAndTheLastAllocationsAreKept) {
  auto store = Store::open(file());
  one_run(store, "1", {with_heap(MiB(5), MiB(4))});
  Outcome later = with_heap(MiB(3), MiB(2), Verdict::failed);
  later.heap->allocated = MiB(8);
  later.heap->allocations = 9;
  one_run(store, "2", {later});
  one_run(store, "3", {outcome("a.py::x", MiB(10))});  // --heap=off
  store = Store::open(file());
  const auto heap = store.all("pytest").at(0).heap;
  ASSERT_TRUE(heap);
  EXPECT_EQ(heap->peak, MiB(5));
  EXPECT_EQ(heap->allocated, MiB(8));
  EXPECT_EQ(heap->allocations, 9U);
  TestList tests;
  tests.add("a.py::x", {});
  EXPECT_EQ(store.facts("pytest", tests).facts.at(0).heap_peak, MiB(5));
  EXPECT_EQ(ask("SELECT heap_peak FROM result ORDER BY run LIMIT 1"), 5 << 20);
}

TEST_F(StoreTest, SkippedResultsSayNothingOfTheHeap) {
  auto store = Store::open(file());
  one_run(store, "1", {with_heap(MiB(5), MiB(4))});
  one_run(store, "2", {with_heap(MiB(9), MiB(9), Verdict::skipped)});
  EXPECT_EQ(store.all("pytest").at(0).heap->peak, MiB(5));
}

TEST_F(StoreTest, WhatABodyNeededIsKeptOfRunsThatPassed) {
  auto store = Store::open(file());
  const auto peaks = [&] { return store.body_peaks("pytest", {"a.py::x"}).at(0); };
  EXPECT_THAT(peaks(), IsEmpty());
  one_run(store, "1", {with_heap(MiB(5), MiB(4))});
  one_run(store, "2", {with_heap(MiB(5), MiB(3))});
  one_run(store, "3", {outcome("a.py::x", MiB(10))});  // not measured
  for (const Verdict verdict :
       {Verdict::failed, Verdict::error, Verdict::over_limit, Verdict::skipped, Verdict::xfailed, Verdict::crashed}) {
    one_run(store, fmt::format("4 {}", name(verdict)), {with_heap(MiB(90), MiB(90), verdict)});
  }
  EXPECT_THAT(peaks(), ElementsAre(MiB(4), MiB(3)));
  one_run(store, "5", {with_heap(MiB(5), Bytes{0}, Verdict::xpassed)});
  EXPECT_THAT(peaks(), ElementsAre(MiB(4), MiB(3), Bytes{0}));
  EXPECT_THAT(store.body_peaks("other", {"a.py::x"}), ElementsAre(IsEmpty()));
  EXPECT_THAT(store.body_peaks("pytest", {"?", "a.py::x"}), ElementsAre(IsEmpty(), testing::SizeIs(3)));
}

TEST_F(StoreTest, FailuresDoNotPushOutWhatABodyNeeded) {
  auto store = Store::open(file());
  for (unsigned run = 0; run < 15; ++run) {
    one_run(store, fmt::format("p{}", run), {with_heap(MiB(9), KiB(100 + run))});
  }
  for (int run = 0; run < 30; ++run) {
    one_run(store, fmt::format("f{}", run), {with_heap(MiB(90), MiB(90), Verdict::over_limit)});
  }
  const auto peaks = store.body_peaks("pytest", {"a.py::x"}).at(0);
  ASSERT_EQ(peaks.size(), kKeptResults);
  EXPECT_EQ(peaks.front(), KiB(105));
  EXPECT_EQ(peaks.back(), KiB(114));
}

TEST_F(StoreTest, ABodyThatFailsLaterInTheSameRunHasNotPassed) {
  auto store = Store::open(file());
  const auto run = store.begin_run("pytest", "1");
  store.record(run, {with_heap(MiB(5), MiB(4))});
  store.record(run, {with_heap(MiB(5), MiB(3))});
  EXPECT_THAT(store.body_peaks("pytest", {"a.py::x"}).at(0), ElementsAre(MiB(4)));
  store.record(run, {with_heap(MiB(5), MiB(4), Verdict::error)});
  EXPECT_THAT(store.body_peaks("pytest", {"a.py::x"}).at(0), IsEmpty());
}

TEST_F(StoreTest, ReadingAloneChangesNothing) {
  EXPECT_FALSE(Store::open_to_read(file()));
  EXPECT_THAT(names(), IsEmpty());
  {
    auto store = Store::open(file());
    one_run(store, "1", {outcome("a.py::x", MiB(10))});
  }
  const std::string before = contents(file());
  {
    auto store = Store::open_to_read(file());
    ASSERT_TRUE(store) << store.error().text();
    one_run(*store, "2", {outcome("a.py::y", MiB(10))});
    EXPECT_EQ(store->all("pytest").size(), 1U);
  }
  EXPECT_TRUE(contents(file()) == before);
}

// The rule over many random runs, with the store closed now and then.
TEST_F(StoreTest, PredictionsCoverTheLastRunsWhateverTheyWere) {
  std::mt19937_64 random(5);
  std::map<std::string, std::vector<Outcome>> told;
  auto store = Store::open(file());
  for (int run = 0; run < 60; ++run) {
    if (random() % 8 == 0) store = Store::open(file());
    std::vector<Outcome> results;
    for (int test = 0; test < 20; ++test) {
      if (random() % 3 == 0) continue;
      const std::string id = fmt::format("f{}.py::t{}", test % 4, test);
      Outcome result = outcome(id, Bytes{random() >> (random() % 30 + 24)}, static_cast<double>(random() % 100) / 10);
      if (random() % 10 == 0) result.at_least = Bytes{random() >> (random() % 30 + 24)};
      results.push_back(result);
      told[id].push_back(result);
    }
    one_run(store, std::to_string(run), results);
  }
  std::vector<std::string> ids;
  for (const auto& [id, results] : told) ids.push_back(id);
  const auto predictions = store.predict("pytest", ids);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto& results = told[ids[i]];
    Bytes highest;
    double longest = 0;
    for (std::size_t at = results.size() - std::min(results.size(), kKeptResults); at < results.size(); ++at) {
      highest = std::max({highest, *results[at].peak, results[at].at_least.value_or(Bytes{})});
      longest = std::max(longest, results[at].duration);
    }
    EXPECT_TRUE(predictions[i].known);
    EXPECT_GE(predictions[i].peak, highest + MiB(1));
    EXPECT_LE(predictions[i].peak, highest.scaled(1.25 * 1.25) + MiB(1)) << "not beyond all measure either";
    EXPECT_LE(predictions[i].duration, longest + 1e-5);
  }
  for (const auto& known : store.all("pytest")) EXPECT_EQ(known.runs, told[known.id].size());
}

}  // namespace
}  // namespace fittest::history
