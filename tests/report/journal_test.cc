#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <string>

#include "report/json_lines.h"
#include "report/line_reader.h"
#include "stories.h"
#include "support/folder.h"

namespace fittest::report {
namespace {

class JournalTest : public ::testing::Test {
 protected:
  Journal read(const std::string& text) {
    std::ofstream(file_, std::ios::binary) << text;
    auto journal = read_journal(file_);
    EXPECT_TRUE(journal);
    return journal ? *journal : Journal{};
  }
  std::string written(const Story& story) {
    std::filesystem::remove(file_);
    {
      auto lines = JsonLines::create(file_);
      EXPECT_TRUE(lines);
      tell(story, **lines);
    }
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  Folder folder_;
  std::filesystem::path file_ = folder_.path() / "events.jsonl";
};

std::string finished(const std::string& id, const std::string& verdict) {
  return R"({"v":1,"at":1,"event":"test_finished","worker":0,"test":3,"id":")" + id + R"(","verdict":")" + verdict +
         R"(","duration":0.5})" + "\n";
}

TEST_F(JournalTest, OfARunThatWasKilledSaysHowFarItWas) {
  const Journal journal = read(
      R"({"v":1,"at":0,"event":"run_started","run_id":"r7","suite":"s","command":[],"started_at":1700000000.5,"host":"h"})"
      "\n"
      R"({"v":1,"at":2,"event":"sample","held":1000,"reserved":0,"workers":6})"
      "\n"
      R"({"v":1,"at":2.5,"event":"batch_killed","worker":5,"id":"b","held":900,"by_kernel":false,"why":"","at_least":700})"
      "\n"
      R"({"v":1,"at":1,"event":"test_started","worker":0,"test":3,"id":"a"})"
      "\n"
      R"({"v":1,"at":1,"event":"test_started","worker":1,"test":0,"id":"c"})"
      "\n"
      R"({"v":1,"at":1,"event":"test_started","worker":5,"test":1,"id":"b"})"
      "\n"
      R"({"v":1,"at":2.5,"event":"worker_ended","worker":5,"why":"killed"})"
      "\n" +
      finished("a", "passed") + finished("b", "not_run") + R"({"v":1,"at":3,"event":"worker_st)");
  EXPECT_EQ(journal.running, std::vector<std::string>{"c"});
  ASSERT_TRUE(journal.started);
  EXPECT_EQ(journal.started->started_at, 1700000000.5);
  EXPECT_EQ(journal.started->host, "h");
  EXPECT_FALSE(journal.ended);
  EXPECT_EQ(journal.peak, Bytes{1000});
  EXPECT_EQ(journal.until, 2.5);
  EXPECT_EQ(journal.workers, 6U);
  EXPECT_EQ(journal.tests, 4U);
  ASSERT_EQ(journal.killed.size(), 1U);
  EXPECT_EQ(journal.killed[0].id, "b");
  EXPECT_EQ(journal.killed[0].at_least, Bytes{700});
  ASSERT_EQ(journal.finished.size(), 1U);
  EXPECT_EQ(journal.without_verdict, std::vector<std::string>{"b"});
  EXPECT_EQ(journal.unreadable_lines, 1U);
}

TEST_F(JournalTest, ReadsWhatWasSaidOfTheHeap) {
  const auto with_heap = [](const std::string& id, const std::string& heap) {
    return R"({"v":1,"at":1,"event":"test_finished","worker":0,"test":3,"id":")" + id +
           R"(","verdict":"passed","duration":0.5,"heap":)" + heap + "}\n";
  };
  const Journal journal = read(with_heap("a", R"({"peak":4,"allocated":5,"allocations":6})") +
                               with_heap("b", R"({"peak":4,"allocated":5,"allocations":6,"body_peak":3})") +
                               with_heap("c", R"({"peak":4,"allocated":"5","allocations":6})") + with_heap("d", "7"));
  ASSERT_EQ(journal.finished.size(), 4U);
  ASSERT_TRUE(journal.finished[0].heap);
  EXPECT_EQ(journal.finished[0].heap->peak, Bytes{4});
  EXPECT_EQ(journal.finished[0].heap->allocated, Bytes{5});
  EXPECT_EQ(journal.finished[0].heap->allocations, 6U);
  EXPECT_FALSE(journal.finished[0].heap->body_peak);
  EXPECT_EQ(journal.finished[1].heap->body_peak, Bytes{3});
  EXPECT_FALSE(journal.finished[2].heap);
  EXPECT_FALSE(journal.finished[3].heap);
}

TEST_F(JournalTest, ReadsBackWhatWasWritten) {
  const Journal journal = read(written(stormy_story()));
  EXPECT_EQ(journal.unreadable_lines, 0U);
  ASSERT_TRUE(journal.started);
  EXPECT_EQ(journal.started->command, (std::vector<std::string>{"fittest", "pytest", "tests"}));
  EXPECT_TRUE(journal.complete());
  EXPECT_EQ(journal.started->run_id, "20260102-030405-77");
  EXPECT_EQ(journal.started->suite, "pytest");
  EXPECT_EQ(journal.started->budget, GiB(4));
  ASSERT_TRUE(journal.ended);
  EXPECT_EQ(journal.peak, journal.ended->peak);
  EXPECT_GE(journal.until, journal.ended->wall);
  EXPECT_EQ(journal.tests, 14U);
  EXPECT_EQ(journal.killed.size(), 2U);
  EXPECT_TRUE(journal.without_verdict.empty());
  ASSERT_EQ(journal.finished.size(), 14U);
  for (const TestFinished& test : journal.finished) {
    if (test.id == "tests/test_big.py::test_b") {
      EXPECT_EQ(test.verdict, Verdict::over_budget);
      EXPECT_EQ(test.test, 4U);
      EXPECT_EQ(test.peak, GiB(4));
      EXPECT_EQ(test.detail, "held 4.0 GiB alone, and asked for more");
    }
    if (test.id == "tests/test_fixture.py::test_teardown") {
      EXPECT_EQ(test.verdict, Verdict::error);
      EXPECT_EQ(test.detail, "teardown failed: OSError");
      EXPECT_EQ(test.peak, MiB(2));
    }
    if (test.id == "tests/test_math.py::test_sum") {
      EXPECT_EQ(test.message, "E  assert 1 == 2\ntest_math.py:3");
    }
  }
}

TEST_F(JournalTest, InterruptedRunIsNotComplete) {
  const Journal journal = read(written(stopped_story()));
  EXPECT_FALSE(journal.complete());
  EXPECT_EQ(journal.finished.size(), 3U);
}

TEST_F(JournalTest, LastVerdictOfAnIdCounts) {
  const Journal journal = read(finished("a", "failed") + finished("b", "passed") + finished("a", "passed"));
  ASSERT_EQ(journal.finished.size(), 2U);
  EXPECT_EQ(journal.finished[0].id, "a");
  EXPECT_EQ(journal.finished[0].verdict, Verdict::passed);
}

TEST_F(JournalTest, WhatWasToRunAgainHasNoVerdictUntilItDid) {
  const std::string requeued = R"({"v":1,"at":1,"event":"test_requeued","test":3,"id":"a","why":"spoiled"})"
                               "\n";
  EXPECT_TRUE(read(finished("a", "failed") + requeued).finished.empty());
  EXPECT_TRUE(read(finished("a", "failed") + finished("a", "not_run")).finished.empty());
  EXPECT_EQ(read(finished("a", "failed") + requeued + finished("a", "passed")).finished.size(), 1U);
  EXPECT_EQ(read(requeued + finished("a", "passed")).finished.size(), 1U);
}

TEST_F(JournalTest, SkipsAndCountsWhatItCannotRead) {
  const std::string bad =
      "not JSON\n"
      "[1,2]\n"
      "null\n"
      "{\"v\":1}\n"
      "\xff\xfe\n"
      "{\"v\":2,\"at\":1,\"event\":\"test_finished\",\"worker\":0,\"test\":3,\"id\":\"x\",\"verdict\":\"passed\","
      "\"duration\":1}\n"
      "{\"v\":1,\"at\":1,\"event\":\"test_finished\",\"worker\":-1,\"test\":3,\"id\":\"x\",\"verdict\":\"passed\","
      "\"duration\":1}\n"
      "{\"v\":1,\"at\":1,\"event\":\"test_finished\",\"worker\":0,\"test\":99999999999,\"id\":\"x\",\"verdict\":"
      "\"passed\",\"duration\":1}\n"
      "{\"v\":1,\"at\":1,\"event\":\"test_finished\",\"worker\":0,\"test\":3,\"id\":7,\"verdict\":\"passed\","
      "\"duration\":1}\n"
      "{\"v\":1,\"at\":1,\"event\":\"test_finished\",\"worker\":0,\"test\":3,\"id\":\"x\",\"verdict\":\"fine\","
      "\"duration\":1}\n"
      "{\"v\":1,\"at\":1,\"event\":\"test_finished\",\"worker\":0,\"test\":3,\"id\":\"x\",\"verdict\":\"passed\","
      "\"duration\":\"1\"}\n"
      "{\"v\":1,\"at\":1,\"event\":\"run_started\",\"command\":[1]}\n"
      "{\"v\":1,\"at\":1,\"event\":\"run_finished\",\"interrupted\":0}\n";
  const Journal journal = read(bad + "\n" + finished("a", "passed"));
  EXPECT_EQ(journal.unreadable_lines, 13U);
  EXPECT_EQ(journal.finished.size(), 1U);
  EXPECT_FALSE(journal.complete());
}

TEST_F(JournalTest, EventsAddedLaterAreNoFault) {
  const Journal journal = read(R"({"v":1,"at":1,"event":"something_new","x":[]})"
                               "\n");
  EXPECT_EQ(journal.unreadable_lines, 0U);
}

TEST_F(JournalTest, TornLastLineIsCounted) {
  const std::string text = finished("a", "passed") + finished("b", "passed");
  const Journal journal = read(text.substr(0, text.size() - 5));
  EXPECT_EQ(journal.finished.size(), 1U);
  EXPECT_EQ(journal.unreadable_lines, 1U);
}

TEST_F(JournalTest, WholeLastLineWithoutItsNewlineCounts) {
  std::string text = finished("a", "passed");
  text.pop_back();
  EXPECT_EQ(read(text).finished.size(), 1U);
}

TEST_F(JournalTest, HugeLinesAreSkipped) {
  const std::string huge(kLongestLine + 100'000, 'x');
  const Journal journal = read(finished("a", "passed") + huge + "\n" + finished("b", "passed") + huge);
  EXPECT_EQ(journal.finished.size(), 2U);
  EXPECT_EQ(journal.unreadable_lines, 2U);
}

TEST_F(JournalTest, DeepNestingIsNoCrash) {
  const Journal journal = read(std::string(1'000'000, '[') + "\n" + std::string(500'000, '[') +
                               std::string(500'000, ']') + "\n" + finished("a", "passed"));
  EXPECT_EQ(journal.finished.size(), 1U);
  EXPECT_EQ(journal.unreadable_lines, 2U);
}

TEST_F(JournalTest, AmendedWithoutAVerdictBeforeIsBelieved) {
  const Journal journal = read(R"({"v":1,"at":1,"event":"test_amended","test":3,"id":"a","verdict":"error"})"
                               "\n");
  ASSERT_EQ(journal.finished.size(), 1U);
  EXPECT_EQ(journal.finished[0].verdict, Verdict::error);
}

TEST_F(JournalTest, MissingFileAndFolderAreErrors) {
  const Folder folder;
  const auto missing = read_journal(folder.path() / "nothing.jsonl");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().text(), ::testing::HasSubstr("nothing.jsonl"));
  EXPECT_FALSE(read_journal(folder.path()));
}

// Whatever happens to the bytes of a journal, what is read was in it, or is told as unreadable.
TEST_F(JournalTest, SurvivesAnyMutation) {
  const std::string good = written(stormy_story());
  std::set<std::string> ids;
  for (const TestFinished& test : read(good).finished) ids.insert(test.id);
  std::mt19937_64 random(13);
  std::size_t survived = 0;
  for (int round = 0; round < 600; ++round) {
    std::string text = good;
    for (std::size_t i = 1 + random() % 8; i > 0; --i) {
      const std::size_t place = random() % text.size();
      const std::size_t length = std::min<std::size_t>(random() % 30, text.size() - place);
      switch (random() % 5) {
        case 0:
          text[place] = static_cast<char>(random() % 256);
          break;
        case 1:
          text.erase(place, length);
          break;
        case 2:
          text.insert(place, text.substr(random() % text.size(), length));
          break;
        case 3:
          text.insert(place, length, "{}[]\",:0\n\\"[random() % 10]);
          break;
        default:
          text.resize(place + 1);
          break;
      }
      if (text.empty()) text = "\n";
    }
    const Journal journal = read(text);
    std::set<std::string> once;
    for (const TestFinished& test : journal.finished) {
      EXPECT_TRUE(once.insert(test.id).second) << "twice: " << test.id;
      EXPECT_NE(test.verdict, Verdict::not_run);
      survived += ids.count(test.id);
    }
  }
  EXPECT_GT(survived, 600U);  // a few bytes spoil a line, not a file
}

}  // namespace
}  // namespace fittest::report
