#include "select/suggest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace fittest::select {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Suggest : public testing::Test {
 protected:
  void add(const std::string& id, Bytes peak, Seconds duration = 1, std::vector<std::string> labels = {}) {
    tests_.add(id, {.labels = tests_.add_labels(std::move(labels))});
    Facts facts;
    facts.known = true;
    facts.peak = peak;
    facts.duration = duration;
    facts.runs = 1;
    facts.last = Verdict::passed;
    facts_.push_back(facts);
  }
  void add_many(int count, const std::string& file, Bytes peak, const std::vector<std::string>& labels = {}) {
    for (int i = 0; i < count; ++i) add(file + "::test_" + std::to_string(i), peak, 1, labels);
  }
  void add_unknown(const std::string& id) {
    tests_.add(id, {});
    facts_.emplace_back();
  }
  [[nodiscard]] Suggestion suggested(Bytes budget, unsigned cores) const {
    return suggest(tests_, facts_, {budget, cores});
  }
  // "name: expression, workers" of each.
  [[nodiscard]] std::vector<std::string> lines(Bytes budget, unsigned cores) const {
    std::vector<std::string> out;
    for (const SuggestedChunk& chunk : suggested(budget, cores).chunks) {
      out.push_back(chunk.name + ": " + chunk.expression + ", " + std::to_string(chunk.workers));
    }
    return out;
  }

  TestList tests_;
  std::vector<Facts> facts_;
};

TEST_F(Suggest, LightTestsAreOneChunk) {
  add_many(10, "tests/test_a.py", MiB(10));
  EXPECT_THAT(lines(GiB(1), 4), ElementsAre("all: , 4"));
  EXPECT_EQ(suggested(GiB(1), 4).chunks.at(0).tests.size(), 10U);
}

TEST_F(Suggest, NoTestsAreOneEmptyChunk) {
  EXPECT_THAT(lines(GiB(1), 4), ElementsAre("all: , 4"));
}

TEST_F(Suggest, ALabelThatTellsTheHeavyOnesIsUsed) {
  add_many(50, "tests/test_a.py", MiB(10), {"unit"});
  add_many(10, "tests/test_b.py", MiB(300), {"unit", "memory_intensive"});
  add_many(2, "tests/test_b.py::TestLight", MiB(20), {"memory_intensive"});
  EXPECT_THAT(lines(GiB(1), 4), ElementsAre("light: not memory_intensive, 4", "memory_intensive: memory_intensive, 2"));
}

TEST_F(Suggest, AFolderIsWhereNoLabelDoes) {
  add_many(50, "tests/unit/test_a.py", MiB(10), {"parametrize"});
  add_many(10, "tests/big ones/test_b.py", MiB(300), {"parametrize"});
  add_many(10, "tests/big ones/test_c.py", MiB(300), {"skipif"});
  EXPECT_THAT(lines(GiB(1), 4),
              ElementsAre("light: not (file(\"tests/big ones\")), 4", "big_ones: file(\"tests/big ones\"), 2"));
}

TEST_F(Suggest, OtherwiseThePeakItself) {
  for (int i = 0; i < 100; ++i) add("tests/test_a.py::test_" + std::to_string(i), i % 10 == 3 ? MiB(500) : MiB(5));
  EXPECT_THAT(lines(GiB(1), 4), ElementsAre("light: not (peak > 380MB), 4", "alone: peak > 380MB, 1"));
}

TEST_F(Suggest, WhatFitsTwiceIsApartFromWhatFitsOnce) {
  add_many(50, "tests/test_a.py", MiB(10), {"unit"});
  add_many(5, "tests/test_b.py", MiB(300), {"big"});
  add_many(5, "tests/test_c.py", MiB(600), {"huge", "peak"});
  EXPECT_THAT(lines(GiB(1), 4),
              ElementsAre("light: not (huge or big), 4", "big: big and not huge, 2", "huge: huge, 1"));
}

TEST_F(Suggest, WithoutLightOnesTheLastChunkTakesWhateverComes) {
  add_many(5, "tests/test_b.py", MiB(300), {"big"});
  add_many(5, "tests/test_c.py", MiB(600), {"huge"});
  EXPECT_THAT(lines(GiB(1), 4), ElementsAre("heavy: not huge, 2", "huge: huge, 1"));
}

TEST_F(Suggest, UnknownTestsAreLight) {
  add_unknown("tests/test_new.py::test_x");
  EXPECT_THAT(lines(GiB(1), 2), ElementsAre("all: , 2"));
  add_many(3, "tests/test_b.py", MiB(600), {"big"});
  const Suggestion found = suggested(GiB(1), 2);
  EXPECT_THAT(found.chunks.at(0).tests, ElementsAre(0));
  EXPECT_EQ(found.chunks.at(0).unknown, 1U);
  EXPECT_EQ(found.chunks.at(0).largest, std::nullopt);
}

TEST_F(Suggest, WorkersTimesTheUsualPeakFits) {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::string id = "tests/test_" + std::to_string(i % 7) + ".py::test_" + std::to_string(i);
    add(id, {i * i * 2000}, 1, i > 700 && i % 10 != 0 ? std::vector<std::string>{"big"} : std::vector<std::string>{});
  }
  for (const unsigned cores : {1U, 2U, 3U, 4U, 16U, 64U}) {
    for (const Bytes budget : {MiB(100), MiB(500), GiB(2), GiB(16)}) {
      for (const SuggestedChunk& chunk : suggested(budget, cores).chunks) {
        EXPECT_GE(chunk.workers, 1U);
        EXPECT_LE(chunk.workers, cores);
        if (chunk.workers == 1) continue;
        EXPECT_LE(chunk.usual.value * chunk.workers, budget.scaled(0.75).value) << chunk.name;
      }
    }
  }
}

TEST_F(Suggest, NamesAreThoseOfChunksAndEachIsThereOnce) {
  add_many(30, "tests/light.py", MiB(1));
  add_many(5, "tests/a b/light.py", MiB(400), {"x y"});
  add_many(5, "tests/\u00e4/light.py", MiB(400), {"a b"});
  add_many(5, "tests/c/light.py", MiB(400), {"light"});
  EXPECT_THAT(lines(GiB(1), 2),
              ElementsAre("light: not (label(\"a b\") or label(\"x y\") or light), 2",
                          "light_2: light and not (label(\"a b\") or label(\"x y\")), 1",
                          "x_y: label(\"x y\") and not (label(\"a b\")), 1", "a_b: label(\"a b\"), 1"));
}

// What a person reads.
TEST_F(Suggest, TheTextSaysWhy) {
  add_many(3, "tests/test_a.py", MiB(10), {"unit"});
  add("tests/test_b.py::test_whole[a\nb]", MiB(900), 200, {"big"});
  add("tests/test_b.py::test_half", MiB(400), 3.6, {"big"});
  add_unknown("tests/test_new.py::test_x");
  EXPECT_EQ(to_toml(suggested(GiB(1), 2), tests_, facts_),
            R"(# Suggested by fittest chunks --suggest from what 6 tests took, for 2 cores and a
# budget of 1.0 GiB, of which 768 MiB are reckoned for the tests and the rest for
# the process that collects.

# 4 tests, 3 s of work (and 1 never measured).
# The largest peak is 10 MiB: tests/test_a.py::test_0
# 95 of 100 take 10 MiB or less: 2 workers hold 20 MiB at most.
[[chunk]]
name = "light"
expression = "not big"
workers = 2
timeout = 600

# 2 tests, 204 s of work.
# The largest peak is 900 MiB: tests/test_b.py::test_whole[a b]
# 95 of 100 take 900 MiB or less: 1 worker holds 900 MiB at most.
# This budget may be too small for it: see the verdict over_budget.
[[chunk]]
name = "big"
expression = "big"
workers = 1
timeout = 2040
)");
}

TEST_F(Suggest, AMillionTestsAreNoProblem) {
  for (int i = 0; i < 1'000'000; ++i) {
    add("tests/d" + std::to_string(i % 100) + "/test_" + std::to_string(i % 5000) + ".py::test_" + std::to_string(i),
        {static_cast<std::uint64_t>(i % 977) << 20}, 0.1,
        i % 977 > 500 ? std::vector<std::string>{"big"} : std::vector<std::string>{"unit"});
  }
  std::size_t all = 0;
  for (const SuggestedChunk& chunk : suggested(GiB(4), 8).chunks) all += chunk.tests.size();
  EXPECT_EQ(all, 1'000'000U);
}

}  // namespace
}  // namespace fittest::select
