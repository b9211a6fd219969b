#include "merge/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "../report/json_schema.h"
#include "merge/read.h"
#include "runs.h"
#include "support/folder.h"

namespace fittest::merge {
namespace {

using nlohmann::json;
using ::testing::IsEmpty;
using enum Verdict;

std::vector<json> lines_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

class Timeline : public ::testing::Test {
 protected:
  std::vector<json> written(const std::vector<RunBuilder>& builders) {
    for (const RunBuilder& builder : builders) builder.write(folder_.path() / "runs");
    auto read = read_runs({folder_.path() / "runs"}, "");
    EXPECT_TRUE(read);
    const Merged all = merged(std::move(read->runs));
    EXPECT_TRUE(write_timeline(all.runs, file_));
    return lines_of(file_);
  }
  Folder folder_;
  const std::filesystem::path file_ = folder_.path() / "out" / "events.jsonl";
};

TEST_F(Timeline, IsOnOneClockInTheOrderOfTime) {
  // They start 100 s apart and last 50 s.
  const auto lines =
      written({RunBuilder(3, {{"b", passed}}), RunBuilder(1, {{"a", passed}}), RunBuilder(2, {{"c", passed}})});
  double last = 0;
  std::map<std::string, double> first;
  for (const json& line : lines) {
    EXPECT_GE(line["at"].get<double>(), last);
    last = line["at"];
    first.try_emplace(line["run"], last);
  }
  EXPECT_EQ(first, (std::map<std::string, double>{{"run-001", 0}, {"run-002", 100}, {"run-003", 200}}));
  EXPECT_EQ(last, 250);
}

TEST_F(Timeline, EventsOfRunsAtTheSameTimeAreInterleavedAndKeepTheirOrder) {
  const auto begin = [](unsigned number) { return RunBuilder(number, {{"a", passed}, {"b", failed}, {"c", passed}}); };
  const auto folder = begin(2).write(folder_.path() / "runs");
  // The second begins 1 s after the first.
  std::string text;
  {
    std::ifstream in(folder / "events.jsonl");
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::string started = "1700000200.0";
  ASSERT_NE(text.find(started), std::string::npos);
  text.replace(text.find(started), started.size(), "1700000101.0");
  std::ofstream(folder / "events.jsonl") << text;
  const auto lines = written({begin(1)});
  std::map<std::string, std::vector<std::string>> by_run;
  std::size_t changes = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    by_run[lines[i]["run"]].push_back(lines[i]["event"]);
    if (i > 0 && lines[i]["run"] != lines[i - 1]["run"]) ++changes;
  }
  EXPECT_GT(changes, 4U);
  EXPECT_EQ(by_run["run-001"], by_run["run-002"]);
  EXPECT_EQ(by_run["run-001"].front(), "run_started");
  EXPECT_EQ(by_run["run-001"].back(), "run_finished");
}

TEST_F(Timeline, WorkersAndTestsOfDifferentRunsAreKeptApart) {
  const auto lines =
      written({RunBuilder(1, {{"a", passed}, {"b", passed}}), RunBuilder(2, {{"a", passed}, {"b", passed}})});
  std::map<std::string, std::set<int>> workers;
  std::map<std::string, std::set<int>> tests;
  for (const json& line : lines) {
    if (line.contains("worker")) workers[line["run"]].insert(line["worker"].get<int>());
    if (line.contains("test")) tests[line["run"]].insert(line["test"].get<int>());
  }
  EXPECT_EQ(workers["run-001"], (std::set{0, 1}));
  EXPECT_EQ(workers["run-002"], (std::set{2, 3}));
  EXPECT_EQ(tests["run-001"], (std::set{0, 1}));
  EXPECT_EQ(tests["run-002"], (std::set{2, 3}));
}

TEST_F(Timeline, FitsTheSchema) {
  std::ifstream in(std::string(FITTEST_DOCS) + "/events.schema.json");
  const report::JsonSchema schema(json::parse(in));
  for (const json& line : written({RunBuilder(1, {{"a", failed}}), RunBuilder(2, {{"b", passed}}).killed()})) {
    EXPECT_THAT(schema.faults(line), IsEmpty()) << line;
  }
}

TEST_F(Timeline, TornAndForeignLinesAreLeftOut) {
  const auto folder = RunBuilder(1, {{"a", passed}}).write(folder_.path() / "runs");
  std::ofstream(folder / "events.jsonl", std::ios::app) << "{\"v\":2,\"event\":\"x\"}\n[]\n{\"v\":1}\n{\"v\":1,\"eve";
  EXPECT_EQ(written({}).size(), 6U);
}

TEST_F(Timeline, AnOlderRunWithoutATimeBeginsWithTheFirst) {
  const auto folder = RunBuilder(2, {{"a", passed}}).write(folder_.path() / "runs");
  std::string text;
  {
    std::ifstream in(folder / "events.jsonl");
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::string started = "\"started_at\":1700000200.0,";
  ASSERT_NE(text.find(started), std::string::npos);
  text.erase(text.find(started), started.size());
  std::ofstream(folder / "events.jsonl") << text;
  const auto lines = written({RunBuilder(1, {{"b", passed}})});
  EXPECT_EQ(lines.back()["at"], 50);
}

}  // namespace
}  // namespace fittest::merge
