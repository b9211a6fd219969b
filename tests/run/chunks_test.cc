#include "run/chunks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "folder.h"

namespace fittest::run {
namespace {

using State = report::ChunkResult::State;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::uint32_t count(const report::ChunkResult& result, Verdict verdict) {
  return result.verdicts[static_cast<std::size_t>(verdict)];
}

select::Chunk full_chunk() {
  select::Chunk chunk;
  chunk.name = "unit";
  chunk.expression = select::Expression::parse("unit and not slow", "fittest.toml:3").value();
  chunk.paths = {"tests/unit", "tests/a b"};
  chunk.workers = 4;
  chunk.timeout = 60;
  chunk.test_timeout = 2.5;
  chunk.maxfail = 3;
  chunk.environment = {{"MODE", "it's fast"}, {"EMPTY", ""}};
  chunk.arguments = {"-k", "not x"};
  return chunk;
}

TEST(OrderFor, HandsOnAllThatIsWrittenOfAChunk) {
  const ChunkOrder order = order_for(full_chunk(), {"fittest", {"--budget", "1G"}, {}, "runs"});
  EXPECT_THAT(order.command,
              ElementsAre("fittest", "pytest", "--rootdir=.", "--budget", "1G", "-n", "4", "--test-timeout", "2.5",
                          "--maxfail", "3", "-E", "unit and not slow", "--run-folder", "runs/unit", "--as-chunk",
                          "unit", "-k", "not x", "tests/unit", "tests/a b"));
  EXPECT_THAT(order.environment, ElementsAre("MODE=it's fast", "EMPTY="));
  EXPECT_EQ(order.timeout, 60);
  EXPECT_EQ(order.folder, "runs/unit");
  EXPECT_EQ(
      command_line(order),
      "env 'MODE=it'\\''s fast' EMPTY= fittest pytest --rootdir=. --budget 1G -n 4 --test-timeout 2.5 "
      "--maxfail 3 -E 'unit and not slow' --run-folder runs/unit --as-chunk unit -k 'not x' tests/unit 'tests/a b'");
}

TEST(OrderFor, WhatIsNotWrittenIsLeftToFittest) {
  select::Chunk chunk;
  chunk.name = "all";
  EXPECT_THAT(
      order_for(chunk, {"fittest", {}, {}, "runs"}).command,
      ElementsAre("fittest", "pytest", "--rootdir=.", "-n", "auto", "--run-folder", "runs/all", "--as-chunk", "all"));
  EXPECT_THAT(order_for(full_chunk(), {"fittest", {}, ChunkOptions::Workers::one, "runs"}).command,
              testing::Contains("0").Times(1));
}

class ChunksTest : public InFolder {
 protected:
  ChunksTest() : back_(std::filesystem::current_path()) {}
  ~ChunksTest() override { std::filesystem::current_path(back_); }
  void SetUp() override {
    InFolder::SetUp();
    std::filesystem::current_path(folder_);
  }

  // A chunk whose command writes these lines as its events, and then does what the script says.
  static ChunkOrder order(const std::string& name, const std::string& events, const std::string& script) {
    ChunkOrder out;
    out.name = name;
    out.folder = "runs/" + name;
    out.command = {"sh", "-c", "mkdir -p \"$0\"; printf '%s\\n' \"$1\" > \"$0/events.jsonl\"; " + script,
                   out.folder.string(), events};
    return out;
  }
  static std::string collected(int tests) {
    return R"({"v":1,"at":0,"event":"collected","tests":)" + std::to_string(tests) + "}\n";
  }
  static std::string finished(int test, const std::string& verdict, const std::string& more = "") {
    return R"({"v":1,"at":1,"event":"test_finished","worker":0,"duration":1,"test":)" + std::to_string(test) +
           R"(,"id":"t.py::)" + std::to_string(test) + R"(","verdict":")" + verdict + "\"" + more + "}\n";
  }
  static std::string ended(int code, const std::string& interrupted = "false") {
    return R"({"v":1,"at":2,"event":"run_finished","peak":1048576,"interrupted":)" + interrupted + R"(,"exit_code":)" +
           std::to_string(code) + "}";
  }
  std::vector<report::ChunkResult> run(const std::vector<ChunkOrder>& orders,
                                       AfterFailure after = AfterFailure::go_on) {
    return run_chunks(orders, runner_, after, [&](const ChunkOrder& begun) { begun_.push_back(begun.name); });
  }

  std::filesystem::path back_;
  ChildRunner runner_{{.first = 0.2, .second = 0.2}};
  std::vector<std::string> begun_;
};

TEST_F(ChunksTest, EachIsRunWhateverBecomesOfTheOthers) {
  const auto results =
      run({order("good", collected(2) + finished(0, "passed") + finished(1, "skipped") + ended(0), "exit 0"),
           order("bad", collected(2) + finished(0, "passed") + finished(1, "failed", R"(,"detail":"why")") + ended(1),
                 "exit 1"),
           order("killed", collected(3) + finished(0, "passed"), "kill -9 $$"), order("none", ended(5), "exit 5")});
  EXPECT_THAT(begun_, ElementsAre("good", "bad", "killed", "none"));
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0].state, State::passed);
  EXPECT_EQ(results[0].tests, 2U);
  EXPECT_EQ(count(results[0], Verdict::passed), 1U);
  EXPECT_EQ(count(results[0], Verdict::skipped), 1U);
  EXPECT_EQ(results[0].exit, 0);
  EXPECT_EQ(results[0].peak, MiB(1));
  EXPECT_EQ(results[0].remark, "");
  EXPECT_EQ(results[1].state, State::failed);
  ASSERT_EQ(results[1].failures.size(), 1U);
  EXPECT_EQ(results[1].failures[0].id, "t.py::1");
  EXPECT_EQ(results[1].failures[0].detail, "why");
  EXPECT_EQ(results[2].state, State::failed);
  EXPECT_EQ(results[2].exit, 137);
  EXPECT_EQ(results[2].remark, "killed by signal 9 (Killed)");
  EXPECT_EQ(results[2].tests, 3U);
  EXPECT_EQ(count(results[2], Verdict::not_run), 2U);
  EXPECT_EQ(results[3].state, State::passed);
  EXPECT_EQ(results[3].remark, "no tests");
  EXPECT_EQ(exit_code(results), 1);
}

TEST_F(ChunksTest, OneThatTakesTooLongHasFailedWhateverItSays) {
  auto hangs = order("hangs", collected(2) + finished(0, "passed"), "trap 'exit 0' INT; while :; do sleep 0.01; done");
  hangs.timeout = 1;
  const auto results = run({hangs, order("next", ended(0), "exit 0")});
  EXPECT_EQ(results[0].state, State::failed);
  EXPECT_EQ(results[0].remark, "timed out after 1.0 s");
  EXPECT_EQ(count(results[0], Verdict::not_run), 1U);
  EXPECT_EQ(results[1].state, State::passed);
}

TEST_F(ChunksTest, AfterAFailureTheOthersCanBeLeftOut) {
  auto last = order("last", "", "exit 0");
  last.expected = 7;
  const auto results = run({order("good", "", "exit 0"), order("bad", "", "exit 1"), last}, AfterFailure::stop);
  EXPECT_THAT(begun_, ElementsAre("good", "bad"));
  EXPECT_EQ(results[2].state, State::not_run);
  EXPECT_EQ(results[2].exit, std::nullopt);
  EXPECT_EQ(count(results[2], Verdict::not_run), 7U);
  EXPECT_EQ(results[2].remark, "left out after the failure above");
  EXPECT_EQ(exit_code(results), 1);
}

TEST_F(ChunksTest, AfterCtrlCTheOthersAreLeftOut) {
  const auto results = run({order("first", collected(2) + finished(0, "passed"),
                                  "trap 'exit 2' INT; kill -INT $PPID; while :; do sleep 0.01; done"),
                            order("second", "", "exit 0")});
  EXPECT_THAT(begun_, ElementsAre("first"));
  EXPECT_EQ(results[0].exit, 2);
  EXPECT_EQ(results[1].state, State::not_run);
  EXPECT_EQ(results[1].remark, "left out after the interrupt");
}

TEST_F(ChunksTest, OneThatLeavesNoEventsHasRunNoneOfItsTests) {
  auto silent = order("silent", "", "rm \"$0/events.jsonl\"; exit 4");
  silent.expected = 12;
  ChunkOrder missing;
  missing.name = "missing";
  missing.command = {"/nowhere/fittest"};
  missing.expected = 3;
  const auto results = run({silent, missing});
  EXPECT_EQ(results[0].tests, 12U);
  EXPECT_EQ(count(results[0], Verdict::not_run), 12U);
  EXPECT_EQ(results[0].remark, "cannot run like this: see above");
  EXPECT_EQ(results[1].state, State::failed);
  EXPECT_EQ(results[1].exit, std::nullopt);
  EXPECT_THAT(results[1].remark, HasSubstr("cannot be executed"));
  EXPECT_EQ(count(results[1], Verdict::not_run), 3U);
}

TEST_F(ChunksTest, EventsOfAnEarlierRunAreNotTakenForThisOnes) {
  write("runs/a/events.jsonl", collected(1) + finished(0, "passed") + ended(0));
  ChunkOrder order;
  order.name = "a";
  order.folder = "runs/a";
  order.command = {"false"};
  EXPECT_EQ(count(run({order})[0], Verdict::passed), 0U);
}

TEST_F(ChunksTest, GarbageInItsEventsChangesNothingElse) {
  std::mt19937_64 random(3);
  const std::string good = collected(4) + finished(0, "passed") + finished(1, "failed") + ended(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text = good;
    for (std::uint64_t n = random() % 5 + 1; n > 0; --n) text[random() % text.size()] = static_cast<char>(random());
    write("runs/a/events.jsonl", text);
    ChunkOrder order;
    order.folder = "runs/a";
    order.expected = 4;
    const auto result = chunk_result(order, ChildEnd{ExitStatus(1 << 8), 1, false});
    std::uint32_t all = 0;
    for (const std::uint32_t each : result.verdicts) all += each;
    EXPECT_EQ(all, result.tests) << text;
    EXPECT_EQ(result.exit, 1);
  }
}

TEST_F(ChunksTest, ExitCodes) {
  const auto with = [](State state, std::optional<int> exit) {
    report::ChunkResult result;
    result.state = state;
    result.exit = exit;
    return result;
  };
  const auto good = with(State::passed, 0), empty = with(State::passed, 5), bad = with(State::failed, 0),
             left_out = with(State::not_run, std::nullopt);
  EXPECT_EQ(exit_code(std::vector{good, good}), 0);
  EXPECT_EQ(exit_code(std::vector{good, empty}), 0);
  EXPECT_EQ(exit_code(std::vector{empty, empty}), 5);
  EXPECT_EQ(exit_code(std::vector{good, bad}), 1);
  EXPECT_EQ(exit_code(std::vector{good, left_out}), 1);
}

TEST_F(ChunksTest, APathThatIsNotThereIsNamed) {
  write("tests/unit/test_a.py", "");
  select::Chunk chunk;
  chunk.name = "unit";
  chunk.where = "fittest.toml:12";
  chunk.paths = {"tests/unit", "tests/unit/test_a.py::TestB::test_c[a::b]", "./tests/"};
  EXPECT_TRUE(check_paths(std::vector{chunk}));
  chunk.paths.emplace_back("tests/uint");
  EXPECT_EQ(check_paths(std::vector{chunk}).error().text(),
            "fittest.toml:12: chunk 'unit' has the path 'tests/uint', which is not there\n"
            "  -> correct it in 'paths', or take it out; paths start from the configuration's folder");
}

// A shell reads of a printed line what fittest would hand over.
TEST_F(ChunksTest, CommandLinesCanBeTyped) {
  std::mt19937_64 random(9);
  const std::string alphabet = "ab '\"\\$`!*?[]{}()<>|&;#~=-\n\t%\xc3\xa4";
  for (int round = 0; round < 100; ++round) {
    ChunkOrder order;
    order.name = "x";
    order.folder = "runs/x";
    order.command = {"printf", "%s\\n"};
    std::string expected;
    for (std::uint64_t n = random() % 4 + 1; n > 0; --n) {
      std::string word;
      for (std::uint64_t length = random() % 12; length > 0; --length) word += alphabet[random() % alphabet.size()];
      order.command.push_back(word);
      expected += word + "\n";
    }
    suite::ProcessOrder shell;
    shell.command = {"sh", "-c", command_line(order) + " > out"};
    ASSERT_TRUE(runner_.run(shell, std::nullopt));
    EXPECT_EQ(text_of("out"), expected) << command_line(order);
  }
}

}  // namespace
}  // namespace fittest::run
