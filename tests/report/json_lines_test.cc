#include "report/json_lines.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "json_schema.h"
#include "stories.h"
#include "support/folder.h"

namespace fittest::report {
namespace {

using nlohmann::json;

std::string dumped(Payload payload) {
  return to_json(Event{0.25, std::move(payload)}).dump();
}

std::vector<Payload> one_of_each() {
  return {RunStarted{
              "r1", "pytest", {"fittest", "pytest"}, GiB(4), "--budget 4G", "cgroup v1", {"no freezer"}, 1.7e9, "host"},
          Collected{3, "fork", "one thread", 2, MiB(471), 3.5},
          WorkerStarted{WorkerId{4}, 4711},
          WorkerEnded{WorkerId{4}, "retained"},
          TestStarted{WorkerId{4}, 7, "a.py::b"},
          TestFinished{WorkerId{4}, 7, "a.py::b", Verdict::failed, 0.125, MiB(3), MiB(1), "why", "E  assert", MiB(2),
                       HeapFigures{MiB(4), MiB(5), 6, MiB(3)}},
          TestAmended{7, "a.py::b", Verdict::error, "teardown"},
          BatchKilled{WorkerId{4}, "a.py::b", GiB(1), true, "pressure", MiB(900)},
          TestRequeued{7, "a.py::b", "spoiled"},
          PressureChanged{"admission stopped"},
          BudgetRaised{GiB(5), "lent"},
          Sample{MiB(100), MiB(200), 2},
          Notice{"read this"},
          RunFinished{1, false, 9.5, GiB(3), 1, {1, 2, 3}}};
}

TEST(ToJson, NamesAreThoseOfTheStructs) {
  EXPECT_EQ(dumped(TestFinished{WorkerId{4}, 7, "a.py::b", Verdict::failed, 0.125, MiB(3), {}, "why", {}}),
            R"({"at":0.25,"detail":"why","duration":0.125,"event":"test_finished","id":"a.py::b","peak":3145728,)"
            R"("test":7,"v":1,"verdict":"failed","worker":4})");
}

TEST(ToJson, FiguresThatAreNoneAreLeftOut) {
  const json line = to_json({0, TestFinished{}});
  for (const char* key : {"peak", "retained", "heap", "detail", "message"}) EXPECT_FALSE(line.contains(key)) << key;
  EXPECT_EQ(to_json({NAN, RunFinished{0, false, INFINITY, {}, 0, {}}})["wall"], 0);
}

TEST(ToJson, BytesThatAreNoTextAreReplaced) {
  const std::string evil = "a\xff\xED\xA0\x80\x1b\n\"\\";
  for (const Payload& payload :
       std::vector<Payload>{RunStarted{evil, evil, {evil}, {}, evil, evil, {evil}, 0, evil},
                            TestFinished{{}, 0, evil, {}, 0, {}, {}, evil, evil}, Collected{1, evil, evil, 1, {}, 0},
                            WorkerEnded{{}, evil}, TestAmended{0, evil, {}, evil},
                            BatchKilled{{}, evil, {}, false, evil}, TestRequeued{0, evil, evil}, PressureChanged{evil},
                            BudgetRaised{{}, evil}, Notice{evil}, TestStarted{{}, 0, evil}}) {
    const std::string line = dumped(payload);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_FALSE(json::parse(line, nullptr, false).is_discarded()) << line;
  }
}

TEST(ToJson, LongTextsLoseTheirMiddle) {
  TestFinished test;
  test.message = std::string(1 << 20, 'a') + "the end";
  test.detail = std::string(1 << 20, 'b');
  const json line = to_json({0, test});
  EXPECT_LT(line["message"].get<std::string>().size(), kLongestMessage + 100);
  EXPECT_THAT(line["message"].get<std::string>(), ::testing::EndsWith("the end"));
  EXPECT_THAT(line["message"].get<std::string>(), ::testing::HasSubstr("bytes left out"));
  EXPECT_LT(line["detail"].get<std::string>().size(), kLongestDetail + 100);
}

json schema() {
  std::ifstream in(std::string(FITTEST_DOCS) + "/events.schema.json");
  return json::parse(in);
}

TEST(Schema, EveryEventFits) {
  const JsonSchema checked(schema());
  std::set<std::string> seen;
  for (const Payload& payload : one_of_each()) {
    const json line = to_json({1.5, payload});
    EXPECT_THAT(checked.faults(line), ::testing::IsEmpty()) << line;
    seen.insert(line["event"]);
  }
  EXPECT_EQ(seen.size(), std::variant_size_v<Payload>);
  EXPECT_EQ(schema()["oneOf"].size(), std::variant_size_v<Payload>);
}

// A schema that takes anything would take ours too.
TEST(Schema, RefusesWhatIsMissingWrongOrUnknown) {
  const JsonSchema checked(schema());
  for (const Payload& payload : one_of_each()) {
    const json line = to_json({1.5, payload});
    for (const auto& [key, value] : line.items()) {
      json wrong = line;
      wrong[key] = json::array({json::object()});
      EXPECT_FALSE(checked.faults(wrong).empty()) << key << " in " << line;
      json without = line;
      without.erase(key);
      const bool optional = (key == "peak" && line["event"] == "test_finished") || key == "retained" ||
                            (key == "at_least" && line["event"] == "test_finished") || key == "heap" ||
                            key == "detail" || key == "message";
      EXPECT_EQ(checked.faults(without).empty(), optional) << key << " in " << line;
    }
    json more = line;
    more["surprise"] = 1;
    EXPECT_FALSE(checked.faults(more).empty()) << line;
  }
}

TEST(Schema, EveryFieldIsInTheGuide) {
  std::ifstream in(std::string(FITTEST_DOCS) + "/events.md");
  const std::string guide(std::istreambuf_iterator<char>(in), {});
  for (const Payload& payload : one_of_each()) {
    const json line = to_json({1.5, payload});
    EXPECT_THAT(guide, ::testing::HasSubstr("`" + line["event"].get<std::string>() + "`"));
    for (const auto& [key, value] : line.items()) EXPECT_THAT(guide, ::testing::HasSubstr("`" + key + "`"));
  }
}

TEST(JsonLines, RealRunsFitTheSchema) {
  const Folder folder;
  const JsonSchema checked(schema());
  for (const Story& story : {quiet_story(), stormy_story(), stopped_story(), crowded_story()}) {
    const auto file = folder.path() / "deep" / "er" / "events.jsonl";
    std::filesystem::remove(file);
    {
      auto lines = JsonLines::create(file);
      ASSERT_TRUE(lines) << lines.error().text();
      tell(story, **lines);
    }
    std::ifstream in(file);
    std::size_t count = 0;
    for (std::string line; std::getline(in, line); ++count) {
      EXPECT_THAT(checked.faults(json::parse(line)), ::testing::IsEmpty()) << line;
    }
    EXPECT_GT(count, 5U);
  }
}

TEST(JsonLines, SaysWhereItCannotWrite) {
  const Folder folder;
  std::ofstream(folder.path() / "file") << "x";
  const auto below_a_file = JsonLines::create(folder.path() / "file" / "events.jsonl");
  ASSERT_FALSE(below_a_file);
  EXPECT_THAT(below_a_file.error().text(), ::testing::HasSubstr("events.jsonl"));
  EXPECT_FALSE(JsonLines::create(folder.path()));
}

TEST(JsonLines, GoesOnBehindATornLine) {
  const Folder folder;
  const auto file = folder.path() / "events.jsonl";
  std::ofstream(file) << R"({"v":1,"at":3,"event":"test_fini)";
  {
    auto lines = JsonLines::create(file);
    ASSERT_TRUE(lines);
    (*lines)->on({1, TestFinished{WorkerId{0}, 0, "a", Verdict::passed, 1, {}, {}, {}, {}}});
  }
  const auto journal = read_journal(file);
  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->finished.size(), 1U);
  EXPECT_EQ(journal->unreadable_lines, 1U);
}

TEST(JsonLines, CountsLinesThatFoundNoRoom) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "there is no /dev/full here";
  auto lines = JsonLines::create("/dev/full");
  ASSERT_TRUE(lines);
  (*lines)->on({1, Notice{"a"}});
  (*lines)->on({1, Notice{"b"}});
  EXPECT_EQ((*lines)->lost_lines(), 2U);
}

TEST(JsonLines, SamplesAreThinnedButPeaksStay) {
  const Folder folder;
  const auto file = folder.path() / "events.jsonl";
  {
    auto lines = JsonLines::create(file);
    ASSERT_TRUE(lines);
    for (int i = 0; i < 1000; ++i) (*lines)->on({i * 0.01, Sample{i == 555 ? GiB(3) : GiB(1), GiB(1), 2}});
  }
  std::ifstream in(file);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  EXPECT_NEAR(static_cast<double>(std::count(text.begin(), text.end(), '\n')), 100, 10);
  EXPECT_THAT(text, ::testing::HasSubstr(std::to_string(GiB(3).value)));
}

// Whatever was told before a process is killed can be read after it.
TEST(JsonLines, NothingIsLostToKill9) {
  const Folder folder;
  const auto file = folder.path() / "events.jsonl";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto lines = JsonLines::create(file);
    if (!lines) ::_exit(1);
    for (TestIndex test = 0;; ++test) {
      (*lines)->on(
          {1, TestFinished{WorkerId{0}, test, "t" + std::to_string(test), Verdict::passed, 1, {}, {}, {}, {}}});
      if (::write(ready[1], &test, sizeof test) != sizeof test) ::_exit(2);
    }
  }
  ::close(ready[1]);
  // The last number it told us of before it was killed.
  TestIndex told = 0;
  TestIndex next = 0;
  while (told < 500 && ::read(ready[0], &next, sizeof next) == sizeof next) told = next;
  ::kill(child, SIGKILL);
  while (::read(ready[0], &next, sizeof next) == sizeof next) told = next;
  ::close(ready[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto journal = read_journal(file);
  ASSERT_TRUE(journal);
  EXPECT_GE(journal->finished.size(), told + std::size_t{1});
  EXPECT_LE(journal->unreadable_lines, 1U);
  EXPECT_FALSE(journal->complete());
}

}  // namespace
}  // namespace fittest::report
