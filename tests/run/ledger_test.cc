#include "run/ledger.h"

#include <gmock/gmock.h>

#include <stdexcept>

#include "folder.h"

namespace fittest::run {
namespace {

// Remembers what it reads, one line each.
class Reader : public report::Reader {
 public:
  void on(const report::Event& event) override {
    std::string line = std::to_string(static_cast<int>(event.at)) + " ";
    if (const auto* finished = std::get_if<report::TestFinished>(&event.payload)) {
      line += finished->id + " " + std::string(name(finished->verdict));
    } else if (const auto* amended = std::get_if<report::TestAmended>(&event.payload)) {
      line += amended->id + " amended " + std::string(name(amended->verdict));
    } else if (const auto* notice = std::get_if<report::Notice>(&event.payload)) {
      line += notice->text;
    }
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines_;
};

report::TestFinished finished(TestIndex test, Verdict verdict, std::optional<Bytes> peak = MiB(1)) {
  report::TestFinished result;
  result.test = test;
  result.id = "t" + std::to_string(test);
  result.verdict = verdict;
  result.duration = 2;
  result.peak = peak;
  return result;
}

class LedgerTest : public InFolder {
 protected:
  LedgerTest() {
    ledger_.expect(20);
    ledger_.add_reader(first_);
    ledger_.add_reader(second_);
  }

  Ledger ledger_;
  Reader first_, second_;
};

TEST_F(LedgerTest, EveryReaderHearsEverythingInOrder) {
  ledger_.tell(1, report::Notice{"hello"});
  ledger_.settle(2, finished(3, Verdict::passed), {});
  ledger_.settle(3, finished(1, Verdict::failed), {});
  ledger_.amend(4, report::TestAmended{3, "t3", Verdict::error, "teardown"});
  EXPECT_THAT(first_.lines_, testing::ElementsAre("1 hello", "2 t3 passed", "3 t1 failed", "4 t3 amended error"));
  EXPECT_EQ(second_.lines_, first_.lines_);
}

TEST_F(LedgerTest, ASecondVerdictIsABugAndIsToldToNobody) {
  ledger_.settle(1, finished(0, Verdict::passed), {});
  EXPECT_THROW(ledger_.settle(2, finished(0, Verdict::passed), {}), std::logic_error);
  EXPECT_THROW(ledger_.settle(2, finished(0, Verdict::failed), {}), std::logic_error);
  EXPECT_THROW(ledger_.settle(2, finished(0, Verdict::not_run), {}), std::logic_error);
  EXPECT_EQ(first_.lines_.size(), 1U);
  EXPECT_EQ(ledger_.settled(), 1U);
  EXPECT_FALSE(ledger_.any_failure());
}

TEST_F(LedgerTest, CountsAndFailures) {
  EXPECT_FALSE(ledger_.any_failure());
  TestIndex test = 0;
  for (const Verdict verdict : {Verdict::passed, Verdict::skipped, Verdict::xfailed, Verdict::xpassed}) {
    ledger_.settle(1, finished(test++, verdict), {});
  }
  EXPECT_FALSE(ledger_.any_failure());
  ledger_.settle(1, finished(test++, Verdict::not_run), {});
  EXPECT_EQ(ledger_.settled(), 4U) << "not_run is said, and is no verdict to keep";
  EXPECT_FALSE(ledger_.is_settled(4));
  EXPECT_TRUE(ledger_.is_settled(3));
  EXPECT_FALSE(ledger_.is_settled(19));
  ledger_.settle(1, finished(test++, Verdict::over_budget), {});
  EXPECT_TRUE(ledger_.any_failure());
  EXPECT_EQ(ledger_.settled(), 5U);
  EXPECT_EQ(ledger_.measured().size(), 5U);
}

TEST_F(LedgerTest, AnAmendmentMayMakeTheRunFail) {
  ledger_.settle(1, finished(0, Verdict::passed), {});
  ledger_.amend(2, report::TestAmended{0, "t0", Verdict::error, "fixture"});
  EXPECT_TRUE(ledger_.any_failure());
  EXPECT_TRUE(ledger_.is_settled(0));
  EXPECT_EQ(ledger_.settled(), 1U);
}

TEST_F(LedgerTest, AKilledTestIsMeasuredByWhatItHeldAtLeast) {
  ledger_.settle(1, finished(0, Verdict::passed, MiB(5)), {});
  auto killed = finished(1, Verdict::over_budget, std::nullopt);
  killed.at_least = MiB(300);
  ledger_.settle(1, std::move(killed), {});
  ledger_.settle(1, finished(2, Verdict::crashed, std::nullopt), {});
  ASSERT_EQ(ledger_.measured().size(), 3U);
  EXPECT_EQ(ledger_.measured()[0].peak, MiB(5));
  EXPECT_EQ(ledger_.measured()[1].peak, MiB(300));
  EXPECT_EQ(ledger_.measured()[2].peak, Bytes{0});
  EXPECT_EQ(ledger_.measured()[2].duration, 2);
}

TEST_F(LedgerTest, ReportsAreKeptWhereThereAreSome) {
  auto writer = ReportWriter::create(folder_ / "reports.bin");
  ASSERT_TRUE(writer);
  ledger_.keep_reports(std::move(*writer));
  ledger_.settle(1, finished(0, Verdict::passed), "the report");
  ledger_.settle(1, finished(1, Verdict::crashed), "");
  const ReportReader reports(folder_ / "reports.bin");
  EXPECT_EQ(reports.find("t0"), "the report");
  EXPECT_EQ(reports.find("t1"), std::nullopt);
}

TEST_F(LedgerTest, TheHistoryIsGivenEachResultOnceWhenFlushed) {
  history::Store store = history::Store::open(folder_ / "history.db");
  ASSERT_THAT(store.notices(), testing::IsEmpty());
  ledger_.settle(1, finished(0, Verdict::passed), {});
  ledger_.flush_history();  // without a history: nothing happens
  ledger_.keep_history(store, store.begin_run("pytest", "run"));
  ledger_.settle(2, finished(1, Verdict::passed, MiB(7)), {});
  auto killed = finished(2, Verdict::over_budget, std::nullopt);
  killed.at_least = MiB(90);
  ledger_.settle(2, std::move(killed), {});
  ledger_.settle(2, finished(3, Verdict::not_run), {});
  EXPECT_TRUE(store.all("pytest").empty());
  ledger_.flush_history();
  ledger_.flush_history();
  const auto known = store.all("pytest");
  ASSERT_EQ(known.size(), 2U);
  EXPECT_EQ(known[0].id, "t1");
  EXPECT_EQ(known[0].peak, MiB(7));
  EXPECT_EQ(known[0].runs, 1U);
  EXPECT_EQ(known[1].id, "t2");
  EXPECT_EQ(known[1].at_least, MiB(90));
  EXPECT_EQ(known[1].last, Verdict::over_budget);
}

TEST_F(LedgerTest, WhatAKilledTestHeldIsLearnedThoughItHasNoVerdictYet) {
  history::Store store = history::Store::open(folder_ / "history.db");
  ledger_.keep_history(store, store.begin_run("pytest", "run"));
  ledger_.learn("t5", MiB(120));
  ledger_.flush_history();
  EXPECT_FALSE(ledger_.is_settled(5));
  EXPECT_TRUE(first_.lines_.empty());
  const auto predicted = store.predict("pytest", {"t5"});
  ASSERT_EQ(predicted.size(), 1U);
  EXPECT_GT(predicted[0].peak, MiB(120));
}

}  // namespace
}  // namespace fittest::run
