#include "merge/read.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>

#include "merge/github.h"
#include "merge/merge.h"
#include "merge/screen.h"
#include "merge/timeline.h"
#include "runs.h"
#include "support/folder.h"

namespace fittest::merge {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using enum Verdict;

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class ReadRuns : public ::testing::Test {
 protected:
  Result<RunsRead> read(const std::vector<fs::path>& named) { return read_runs(named, top() / "merged"); }
  std::vector<std::string> ids(const std::vector<fs::path>& named) {
    const auto found = read(named);
    if (!found) return {found.error().text()};
    std::vector<std::string> out;
    for (const merge::Run& run : found->runs) out.push_back(run.id());
    return out;
  }
  [[nodiscard]] const fs::path& top() const { return folder_.path(); }

 private:
  Folder folder_;
};

TEST_F(ReadRuns, ReadsBackWhatARunWrote) {
  const merge::Run told = RunBuilder(1, {{"tests/a.py::b", passed}, {"c", failed}}).group(2, 4).not_run({"d"});
  const fs::path folder =
      RunBuilder(1, {{"tests/a.py::b", passed}, {"c", failed}}).group(2, 4).not_run({"d"}).write(top());
  const auto found = read({folder});
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_EQ(found->runs.size(), 1U);
  const merge::Run& run = found->runs[0];
  EXPECT_EQ(run.id(), told.id());
  EXPECT_EQ(run.started(), told.started());
  EXPECT_EQ(run.name(), "group 2/4");
  EXPECT_EQ(run.journal.peak, told.journal.peak);
  EXPECT_EQ(run.journal.ended->wall, 50);
  EXPECT_EQ(run.journal.without_verdict, std::vector<std::string>{"d"});
  ASSERT_EQ(run.journal.finished.size(), 2U);
  EXPECT_EQ(run.journal.finished[1].message, told.journal.finished[1].message);
}

TEST_F(ReadRuns, FindsRunsAtAnyDepthOnce) {
  const fs::path one = RunBuilder(1, {}).write(top() / "a" / "deep");
  const fs::path two = RunBuilder(2, {}).write(top() / "b");
  EXPECT_THAT(ids({top()}), ElementsAre("run-001", "run-002"));
  EXPECT_THAT(ids({two, top() / "b", one / "events.jsonl", top()}), ElementsAre("run-002", "run-001"));
  fs::current_path(one);
  EXPECT_THAT(ids({"events.jsonl"}), ElementsAre("run-001"));
  fs::current_path("/");
}

TEST_F(ReadRuns, WhatAMergeWroteIsNoRun) {
  const fs::path one = RunBuilder(1, {}).write(top());
  const auto runs = read({one});
  ASSERT_TRUE(write_timeline(runs->runs, top() / "merged" / "events.jsonl"));
  EXPECT_THAT(ids({top()}), ElementsAre("run-001"));
  ASSERT_TRUE(write_timeline(runs->runs, top() / "other" / "events.jsonl"));
  const auto found = read({top()});
  EXPECT_EQ(found->runs.size(), 1U);
  EXPECT_THAT(found->notices, ElementsAre(HasSubstr("other is what an earlier merge wrote, and is left aside")));
}

TEST_F(ReadRuns, ARunThatEndedBeforeItsFirstEventIsOne) {
  ASSERT_TRUE(report::write_selection(top() / "early" / "selection.json", {.suite = "pytest", .candidates = {"a"}}));
  const auto found = read({top()});
  ASSERT_TRUE(found);
  const Merged all = merged({found->runs[0]});
  EXPECT_EQ(verdicts_of(all), "a missing");
  EXPECT_THAT(all.problems, ElementsAre("run early did not finish; 0 verdicts until then"));
}

TEST_F(ReadRuns, MistakesAreNamed) {
  EXPECT_THAT(read({top() / "none"}).error().text(), HasSubstr("none: there is no such folder\n  -> "));
  EXPECT_THAT(read({top()}).error().text(), HasSubstr(top().string() + ": no run in what was named\n  -> "));
  std::ofstream(top() / "artifact.zip") << "PK";
  EXPECT_THAT(read({top() / "artifact.zip"}).error().text(), HasSubstr("artifact.zip: is no folder"));
  const fs::path run = RunBuilder(1, {}).write(top() / "runs");
  std::ofstream(run / "selection.json") << "{";
  EXPECT_THAT(read({run}).error().text(), HasSubstr("selection.json:1: no JSON"));
}

TEST_F(ReadRuns, AFolderWithoutARunAmongOthersIsAProblem) {
  const fs::path run = RunBuilder(1, {}).write(top() / "runs");
  fs::create_directory(top() / "empty");
  EXPECT_THAT(read({top() / "empty", run})->problems, ElementsAre((top() / "empty").string() + " holds no run"));
}

TEST_F(ReadRuns, LinksAreNotFollowedInCircles) {
  RunBuilder(1, {}).write(top() / "runs");
  fs::create_directory_symlink(top(), top() / "runs" / "round");
  EXPECT_THAT(ids({top()}), ElementsAre("run-001"));
}

TEST_F(ReadRuns, TextsOfFailuresAreCutWhenThereIsTooMuchOfThem) {
  const std::string long_text = std::string(60'000, 'a') + "the end";
  const std::size_t fit = kWholeMessages / long_text.size();
  RunBuilder many(1, Verdicts(1, {"x", failed}));
  const fs::path folder = many.write(top());
  {
    auto lines = report::JsonLines::create(folder / "events.jsonl");
    report::TestFinished test;
    test.verdict = failed;
    test.message = long_text;
    for (std::size_t i = 0; i < fit + 10; ++i) {
      test.id = "t" + std::to_string(i);
      (*lines)->on({1, test});
    }
  }
  const auto found = read({folder});
  ASSERT_TRUE(found);
  const auto& tests = found->runs[0].journal.finished;
  EXPECT_EQ(tests[1].message, long_text);
  EXPECT_LT(tests.back().message.size(), 600U);
  EXPECT_THAT(tests.back().message, ::testing::EndsWith("the end"));
}

// Whatever is in the files: an error, or runs that can be merged and shown.
TEST_F(ReadRuns, MutatedFilesDoNoHarm) {
  const fs::path folder = RunBuilder(1, {{"tests/a.py::b", passed}, {"c", failed}, {"d", over_budget}})
                              .group(2, 4)
                              .not_run({"e"})
                              .write(top());
  const std::string events = content(folder / "events.jsonl");
  const std::string selection = content(folder / "selection.json");
  std::mt19937 random(99);
  const auto mutated = [&](std::string text) {
    for (auto change = random() % 6; change > 0; --change) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.insert(at, 1, "0123456789\"[]{},:-eE\n"[random() % 21]);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 300));
          break;
        default:
          text.erase(at, 1 + random() % 40);
          if (text.empty()) text = "\n";
      }
    }
    return text;
  };
  std::size_t merged_ones = 0;
  for (int round = 0; round < 400; ++round) {
    std::ofstream(folder / "events.jsonl", std::ios::binary) << mutated(events);
    std::ofstream(folder / "selection.json", std::ios::binary) << (random() % 2 == 0 ? selection : mutated(selection));
    auto found = read({folder});
    if (!found) continue;
    ASSERT_TRUE(write_timeline(found->runs, top() / "merged" / "events.jsonl"));
    const Merged all = merged(std::move(found->runs));
    EXPECT_FALSE(screen_text(all, "out", 80, report::Style(false)).empty());
    EXPECT_FALSE(markdown(all).empty());
    annotations(all);
    ++merged_ones;
  }
  EXPECT_GT(merged_ones, 150U);
}

}  // namespace
}  // namespace fittest::merge
