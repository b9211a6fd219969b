#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "parsed.h"
#include "select/suggest.h"
#include "support/mutated.h"

namespace fittest::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;

constexpr const char* kEverything = R"toml(budget = "1G"

[labels]
memory_intensive = "peak > 100MB"
heavy = "label(memory_intensive) or duration > 10s"

[[chunk]]
name = "unit_fast"
expression = "label(unit) and not label(heavy)"
paths = ["tests/unit", "./tests/./more/"]
workers = 4
timeout = 600
test-timeout = 2.5
maxfail = 5
environment = { OMP_NUM_THREADS = 1, MODE = "fast", EMPTY = "" }
arguments = ["-v", "--durations=10"]
after = ["stress"]

[[chunk]]
name = "stress"
workers = "auto"
paths = "tests/stress"
)toml";

std::string refused_chunk(const std::string& lines) {
  return refused("[[chunk]]\nname = \"a\"\n" + lines);
}

TEST(ChunkReader, ReadsEveryKey) {
  const Config config = parsed(kEverything);
  ASSERT_EQ(config.chunks.size(), 2U);
  const select::Chunk& stress = config.chunks[0];
  EXPECT_EQ(stress.name, "stress") << "in the order they run";
  EXPECT_EQ(stress.where, "fittest.toml:19");
  EXPECT_FALSE(stress.expression || stress.workers || stress.timeout || stress.test_timeout || stress.maxfail);
  EXPECT_THAT(stress.paths, ElementsAre("tests/stress"));
  const select::Chunk& unit = config.chunks[1];
  EXPECT_EQ(unit.where, "fittest.toml:7");
  EXPECT_EQ(unit.expression.value().text(), "label(unit) and not label(heavy)");
  EXPECT_EQ(unit.expression.value().where(), "fittest.toml:9");
  EXPECT_THAT(unit.paths, ElementsAre("tests/unit", "tests/more/"));
  EXPECT_EQ(unit.workers, 4U);
  EXPECT_EQ(unit.timeout, 600);
  EXPECT_EQ(unit.test_timeout, 2.5);
  EXPECT_EQ(unit.maxfail, 5U);
  EXPECT_THAT(unit.environment, ElementsAre(Pair("EMPTY", ""), Pair("MODE", "fast"), Pair("OMP_NUM_THREADS", "1")));
  EXPECT_THAT(unit.arguments, ElementsAre("-v", "--durations=10"));
  EXPECT_THAT(unit.after, ElementsAre("stress"));
}

TEST(ChunkReader, ReadsLabelsThoseOthersAreMadeOfFirst) {
  const Config config = parsed(kEverything);
  ASSERT_EQ(config.labels.size(), 2U);
  EXPECT_EQ(config.labels[0].name, "memory_intensive");
  EXPECT_EQ(config.labels[0].meaning.text(), "peak > 100MB");
  EXPECT_EQ(config.labels[0].meaning.where(), "fittest.toml:4");
  EXPECT_EQ(config.labels[1].name, "heavy");
}

TEST(ChunkReader, InPyprojectToo) {
  const std::string text =
      "[tool.fittest.labels]\nbig = 'peak > 1G'\n[[tool.fittest.chunk]]\nname = 'a'\n[[tool.fittest.chunk]]\nname = "
      "'b'\n";
  const Config config = parsed(text, ConfigKind::pyproject_toml);
  EXPECT_EQ(config.labels.size(), 1U);
  ASSERT_EQ(config.chunks.size(), 2U);
  EXPECT_EQ(config.chunks[1].where, "fittest.toml:5");
}

TEST(ChunkReader, WithoutThemThereAreNone) {
  EXPECT_THAT(parsed("").chunks, IsEmpty());
  EXPECT_THAT(parsed("chunk = []\n[labels]").chunks, IsEmpty());
}

// What a person reads.
TEST(ChunkReader, MessagesNameThePlaceAndTheRemedy) {
  EXPECT_EQ(refused("[[chunks]]\nname = 'a'"), "fittest.toml:1: unknown key 'chunks'\n  -> did you mean 'chunk'?");
  EXPECT_EQ(refused("\n[chunk]\nname = 'a'"),
            "fittest.toml:2: 'chunk' must be an array of tables, not a table\n  -> write [[chunk]] above each chunk");
  EXPECT_EQ(refused("\n[[chunk]]\nworkers = 4"),
            "fittest.toml:2: a chunk needs a name\n  -> write for example name = \"unit_fast\"");
  EXPECT_EQ(refused("[[chunk]]\nname = 'a b'"),
            "fittest.toml:2: 'name' cannot be \"a b\"\n"
            "  -> use letters, digits, '_', '-' and '.', at most 100 of them");
  EXPECT_EQ(refused_chunk("expresion = 'unknown()'"),
            "fittest.toml:3: unknown key 'expresion'\n  -> did you mean 'expression'?");
  EXPECT_EQ(refused_chunk("quick = true"),
            "fittest.toml:3: unknown key 'quick'\n  -> the keys are name, expression, paths, workers, timeout, "
            "test-timeout, maxfail, environment, arguments, after");
  EXPECT_EQ(refused_chunk("workers = 'many'"),
            "fittest.toml:3: 'workers' must be a number or \"auto\", not a string\n"
            "  -> write for example workers = 4, or workers = \"auto\"");
  EXPECT_EQ(refused_chunk("timeout = 0"),
            "fittest.toml:3: 'timeout' must be over 0 and at most 2592000 seconds\n"
            "  -> write seconds, for example timeout = 600");
  EXPECT_EQ(refused_chunk("maxfail = 0"),
            "fittest.toml:3: 'maxfail' must be from 1 to 1000000000, not 0\n  -> write for example maxfail = 5");
  EXPECT_EQ(refused_chunk("arguments = '-v'"),
            "fittest.toml:3: 'arguments' must be an array of strings in quotes, not a string\n"
            "  -> write for example arguments = [\"-v\", \"--durations=10\"]");
  EXPECT_EQ(refused_chunk("paths = [\n'tests',\n4]"),
            "fittest.toml:5: 'paths' must be an array of paths in quotes, not an integer\n"
            "  -> write for example paths = [\"tests/unit\"]");
  EXPECT_EQ(refused_chunk("paths = [\n'tests',\n'../other']"),
            "fittest.toml:5: 'paths' cannot have \"../other\" in it\n"
            "  -> name what is below this file's folder: paths = [\"tests/unit\"]");
  EXPECT_EQ(refused_chunk("paths = ['-v']"),
            "fittest.toml:3: 'paths' cannot have \"-v\" in it\n  -> an option belongs into 'arguments'");
  EXPECT_EQ(refused_chunk("environment = { A = 1.5 }"),
            "fittest.toml:3: 'environment.A' must be a string in quotes, not a floating-point number\n"
            "  -> write for example environment = { OMP_NUM_THREADS = \"1\" }");
  EXPECT_EQ(refused_chunk("environment = { 'A=B' = 'x' }"),
            "fittest.toml:3: 'environment' has a variable 'A=B'\n"
            "  -> a variable's name is not empty, and has no '=' in it");
  EXPECT_EQ(refused_chunk("after = 'b'\n[[chunk]]\nname = 'b'\nafter = ['a']"),
            "fittest.toml:1: each of these chunks is to run after the next: a -> b -> a\n"
            "  -> take one of them out of an 'after'");
  EXPECT_EQ(refused("[labels]\n\"a-b\" = 'peak > 1G'"),
            "fittest.toml:2: 'a-b' cannot be the name of a label\n"
            "  -> use letters, digits and '_', and no digit first: -m has to understand it");
  EXPECT_EQ(refused("[labels]\nbig = 4.5"),
            "fittest.toml:2: 'labels.big' must be a string in quotes, not a floating-point number\n"
            "  -> write for example memory_intensive = \"peak > 100MB\", below [labels]");
}

TEST(ChunkReader, AMalformedExpressionIsNamedWithItsLine) {
  EXPECT_THAT(refused_chunk("expression = 'peak > and'"), StartsWith("fittest.toml:3"));
  EXPECT_THAT(refused("[labels]\n\nbig = 'peak >'"), StartsWith("fittest.toml:3"));
  EXPECT_THAT(refused("[labels]\na = 'label(b)'\nb = 'label(a)'"), HasSubstr("fittest.toml:"));
}

TEST(ChunkReader, WhatIsOutOfRangeIsRefused) {
  for (const char* text : {"expression = ''",
                           "expression = ['x']",
                           "name = 1",  // twice, too
                           "paths = ['']",
                           "paths = ['/tests']",
                           "paths = ['tests/../..']",
                           "paths = ['::test_a']",
                           "paths = {}",
                           "workers = 0",
                           "workers = 4097",
                           "timeout = '60'",
                           "timeout = nan",
                           "test-timeout = -1",
                           "maxfail = 1.5",
                           "environment = []",
                           "environment = { '' = 'x' }",
                           "environment = { A = \"a\\u0000b\" }",
                           "arguments = [['-v']]",
                           "after = 4",
                           "after = ['nobody']"}) {
    EXPECT_THAT(refused_chunk(text), testing::AllOf(StartsWith("fittest.toml:"), HasSubstr("\n  -> "))) << text;
  }
  for (const char* name : {"''", "'.'", "'..'", "'a/b'", "'\u00e4'", "\"a\\nb\""}) {
    EXPECT_THAT(refused(std::string("[[chunk]]\nname = ") + name), StartsWith("fittest.toml:2: 'name' ")) << name;
  }
  EXPECT_THAT(refused("[[chunk]]\nname = '" + std::string(101, 'a') + "'"), StartsWith("fittest.toml:2: 'name' "));
}

TEST(ChunkReader, GarbageIsRefusedOrReadNeverMore) {
  std::mt19937_64 random(21);
  int refusals = 0;
  const std::string alphabet = "[]{}=\"'#.,\n\r\t\\ -+_()0129einfatrux:/\xc3\xa4\xff\0";
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = mutated(kEverything, random, alphabet);
    const auto config = parse_config(text, "f.toml", ConfigKind::fittest_toml);
    if (config) continue;
    ++refusals;
    EXPECT_THAT(config.error().where, StartsWith("f.toml:")) << text;
  }
  EXPECT_GT(refusals, 5'000);
}

// Whatever the tests are called and took: what is suggested can be read, and has each of them in one chunk.
TEST(SuggestedChunks, TakeEachTestOnceWhenReadBack) {
  std::mt19937_64 random(31);
  const std::vector<std::string> folders = {"tests", "tests/unit", "tests/unit/deep", "a b", "and", "x*",
                                            "\xff",  "q\"q",       "\xc3\xa4"};
  const std::vector<std::string> labels = {"unit", "slow", "and", "peak", "a b", "9lives",
                                           "x\"y", "\xff", "[a]", "all",  ""};
  std::size_t most_chunks = 0;
  for (std::size_t round = 0; round < 400; ++round) {
    TestList tests;
    std::vector<Facts> facts(random() % 300);
    for (Facts& each : facts) {
      std::vector<std::string> own;
      for (std::uint64_t n = random() % 3; n > 0; --n) own.push_back(labels[random() % labels.size()]);
      const std::string& folder = folders[random() % folders.size()];
      // Heavy for its folder or labels, or for no reason, or light.
      const std::uint64_t heavy = (own.empty() ? 0 : own.front().size()) * (round % 5) + folder.size() * (round % 7);
      tests.add(folder + "/t" + std::to_string(random() % 4) + ".py::test_\n" + std::to_string(random()),
                {.labels = tests.add_labels(own)});
      each.known = random() % 8 != 0;
      if (!each.known) continue;
      each.peak = {(random() % 40 + heavy * heavy) << (random() % 10 == 0 ? 24 : 20)};
      each.duration = static_cast<double>(random() % 1000) / 10;
      each.runs = 1;
      each.last = Verdict::passed;
    }
    const auto suggestion =
        select::suggest(tests, facts, {MiB(64U << (random() % 6)), 1 + static_cast<unsigned>(random() % 16)});
    const std::string text = select::to_toml(suggestion, tests, facts);
    const auto config = parse_config(text, "fittest.toml", ConfigKind::fittest_toml);
    ASSERT_TRUE(config) << config.error().text() << "\n" << text;
    const auto& chunks = (*config)->chunks;
    most_chunks = std::max(most_chunks, chunks.size());
    const auto covered = select::cover(tests, facts, chunks);
    EXPECT_THAT(covered.left_out, IsEmpty()) << text;
    EXPECT_THAT(covered.overlaps, IsEmpty()) << text;
    ASSERT_EQ(chunks.size(), suggestion.chunks.size());
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      EXPECT_EQ(covered.tests[i], suggestion.chunks[i].tests) << chunks[i].name << "\n" << text;
      EXPECT_EQ(chunks[i].workers, suggestion.chunks[i].workers);
    }
    // A test that is new goes somewhere too.
    tests.add("new/t.py::test_new", {});
    facts.emplace_back();
    const auto again = select::cover(tests, facts, chunks);
    EXPECT_TRUE(again.left_out.empty() && again.overlaps.empty()) << text;
  }
  EXPECT_GT(most_chunks, 3U);
}

}  // namespace
}  // namespace fittest::cli
