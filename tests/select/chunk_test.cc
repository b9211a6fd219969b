#include "select/chunk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

namespace fittest::select {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Chunk chunk(const std::string& name, std::vector<std::string> after = {}) {
  Chunk out;
  out.name = name;
  out.where = "fittest.toml:" + std::to_string(name.size());
  out.after = std::move(after);
  return out;
}

Chunk taking(const std::string& name, std::vector<std::string> paths, const std::string& expression = "") {
  Chunk out = chunk(name);
  out.paths = std::move(paths);
  if (!expression.empty()) out.expression = Expression::parse(expression, out.where).value();
  return out;
}

std::vector<std::string> names(const std::vector<Chunk>& chunks) {
  std::vector<std::string> out;
  for (const Chunk& each : chunks) out.push_back(each.name);
  return out;
}

std::string refused(std::vector<Chunk> chunks) {
  const auto ordered = in_order(std::move(chunks));
  EXPECT_FALSE(ordered);
  return ordered ? "" : ordered.error().text();
}

TEST(ChunksInOrder, StayAsTheyAreWritten) {
  EXPECT_THAT(names(in_order({chunk("c"), chunk("a"), chunk("b")}).value()), ElementsAre("c", "a", "b"));
  EXPECT_THAT(in_order(std::vector<Chunk>()).value(), IsEmpty());
}

TEST(ChunksInOrder, GoBehindThoseTheyWaitFor) {
  const auto ordered =
      in_order({chunk("a", {"c", "b"}), chunk("b", {"d"}), chunk("c"), chunk("d"), chunk("e", {"a"})}).value();
  EXPECT_THAT(names(ordered), ElementsAre("c", "d", "b", "a", "e"));
}

TEST(ChunksInOrder, MistakesAreNamedWithTheirPlace) {
  EXPECT_EQ(refused({chunk("one"), chunk("other"), chunk("one")}),
            "fittest.toml:3: there is a chunk 'one' already, at fittest.toml:3\n  -> give it a name of its own");
  EXPECT_EQ(refused({chunk("unit_fast"), chunk("slow", {"unit_fsat"})}),
            "fittest.toml:4: chunk 'slow' is to run after 'unit_fsat', which there is not\n"
            "  -> did you mean 'unit_fast'?");
  EXPECT_EQ(refused({chunk("slow", {"everything"})}),
            "fittest.toml:4: chunk 'slow' is to run after 'everything', which there is not\n"
            "  -> name another [[chunk]], or leave it out");
  EXPECT_EQ(refused({chunk("x", {"a"}), chunk("a", {"b"}), chunk("b", {"a"})}),
            "fittest.toml:1: each of these chunks is to run after the next: a -> b -> a\n"
            "  -> take one of them out of an 'after'");
  EXPECT_EQ(refused({chunk("a", {"a"})}),
            "fittest.toml:1: each of these chunks is to run after the next: a -> a\n"
            "  -> take one of them out of an 'after'");
}

TEST(ChunksInOrder, AChainOfAHundredThousandIsNoProblem) {
  std::vector<Chunk> chunks;
  for (int i = 0; i < 100'000; ++i) chunks.push_back(chunk(std::to_string(i), {std::to_string(i + 1)}));
  chunks.push_back(chunk("100000"));
  const auto ordered = in_order(std::move(chunks)).value();
  EXPECT_EQ(ordered.front().name, "100000");
  EXPECT_EQ(ordered.back().name, "0");
}

TEST(ChunksInOrder, RandomOnesRunAfterAllTheyNameAndOtherwiseAsWritten) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<Chunk> chunks;
    const auto count = random() % 12 + 1;
    for (std::uint64_t i = 0; i < count; ++i) {
      std::vector<std::string> after;
      for (std::uint64_t n = random() % 3; n > 0 && i > 0; --n) after.push_back(std::to_string(random() % i));
      chunks.push_back(chunk(std::to_string(i), after));
    }
    std::shuffle(chunks.begin(), chunks.end(), random);
    const auto ordered = in_order(chunks).value();
    std::vector<std::string> seen;
    for (const Chunk& each : ordered) {
      for (const std::string& other : each.after) EXPECT_THAT(seen, testing::Contains(other));
      seen.push_back(each.name);
    }
    EXPECT_EQ(seen.size(), count);
    EXPECT_EQ(names(in_order(ordered).value()), seen) << "what is in order stays so";
  }
}

class Cover : public testing::Test {
 protected:
  Cover() {
    const std::uint32_t slow = tests_.add_labels({"slow"});
    add("tests/unit/test_a.py::test_one");                  // 0
    add("tests/unit/test_a.py::TestB::test_two[a::b]");     // 1
    add("tests/unit/test_a.py::TestB::test_two[c]", slow);  // 2
    add("tests/unit_more/test_c.py::test_three", slow);     // 3
    add("tests/test_d.py::test_four");                      // 4
  }
  void add(std::string_view id, std::uint32_t labels = 0) {
    tests_.add(id, {.labels = labels});
    facts_.emplace_back();
  }
  [[nodiscard]] std::vector<TestIndex> taken(std::vector<std::string> paths, const std::string& expression = "") const {
    const std::vector<Chunk> one = {taking("x", std::move(paths), expression)};
    return cover(tests_, facts_, one).tests.at(0);
  }

  TestList tests_;
  std::vector<Facts> facts_;
};

TEST_F(Cover, PathsTakeWhatIsBelowThem) {
  EXPECT_THAT(taken({}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(taken({"."}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(taken({"./"}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(taken({"tests/unit"}), ElementsAre(0, 1, 2));
  EXPECT_THAT(taken({"././tests/unit//"}), ElementsAre(0, 1, 2));
  EXPECT_THAT(taken({"tests/unit/test_a.py"}), ElementsAre(0, 1, 2));
  EXPECT_THAT(taken({"tests/unit/test_a.py::TestB"}), ElementsAre(1, 2));
  EXPECT_THAT(taken({"tests/unit/test_a.py::TestB::test_two"}), ElementsAre(1, 2));
  EXPECT_THAT(taken({"tests/unit/test_a.py::TestB::test_two[c]"}), ElementsAre(2));
  EXPECT_THAT(taken({"tests/test_d.py", "tests/unit_more"}), ElementsAre(3, 4));
  EXPECT_THAT(taken({"tests/uni"}), IsEmpty());
  EXPECT_THAT(taken({"unit"}), IsEmpty());
}

TEST_F(Cover, AnExpressionTakesFromThese) {
  EXPECT_THAT(taken({"tests/unit"}, "label(slow)"), ElementsAre(2));
  EXPECT_THAT(taken({}, "not label(slow)"), ElementsAre(0, 1, 4));
}

TEST_F(Cover, TellsWhatIsTwiceAndWhatIsNowhere) {
  const std::vector<Chunk> chunks = {taking("unit", {"tests/unit"}), taking("slow", {}, "label(slow)"),
                                     taking("b", {"tests/unit/test_a.py::TestB"})};
  const ChunkCover found = cover(tests_, facts_, chunks);
  EXPECT_THAT(found.left_out, ElementsAre(4));
  ASSERT_EQ(found.overlaps.size(), 2U);
  EXPECT_EQ(found.overlaps[0].test, 1U);
  EXPECT_THAT(found.overlaps[0].chunks, ElementsAre(0, 2));
  EXPECT_EQ(found.overlaps[1].test, 2U);
  EXPECT_THAT(found.overlaps[1].chunks, ElementsAre(0, 1, 2));
}

TEST_F(Cover, WithoutChunksEverythingIsLeftOut) {
  EXPECT_THAT(cover(tests_, facts_, {}).left_out, ElementsAre(0, 1, 2, 3, 4));
}

// Each test is left out, in one chunk, or told of as in several: never two of these, never none.
TEST_F(Cover, OfRandomChunksAddsUp) {
  std::mt19937_64 random(5);
  const std::vector<std::string> folders = {"a", "b", "a/b", "b/a", "a/b/c"};
  for (int round = 0; round < 200; ++round) {
    TestList tests;
    const std::uint32_t slow = tests.add_labels({"slow"});
    std::vector<Facts> facts(random() % 50);
    for (std::size_t i = 0; i < facts.size(); ++i) {
      tests.add(folders[random() % folders.size()] + "/t.py::t" + std::to_string(i),
                {.labels = random() % 2 == 0 ? slow : 0});
    }
    std::vector<Chunk> chunks;
    for (std::uint64_t n = random() % 4; n > 0; --n) {
      std::vector<std::string> paths;
      for (std::uint64_t p = random() % 3; p > 0; --p) paths.push_back(folders[random() % folders.size()]);
      const std::array<std::string, 3> expressions = {"", "label(slow)", "not label(slow)"};
      chunks.push_back(taking(std::to_string(n), paths, expressions[random() % 3]));
    }
    const ChunkCover found = cover(tests, facts, chunks);
    std::vector<std::size_t> times(tests.size());
    for (const auto& taken : found.tests) {
      EXPECT_TRUE(std::ranges::is_sorted(taken));
      for (const TestIndex test : taken) ++times[test];
    }
    std::vector<std::size_t> told(tests.size(), 1);
    for (const TestIndex test : found.left_out) told[test] = 0;
    for (const auto& overlap : found.overlaps) told[overlap.test] = overlap.chunks.size();
    EXPECT_EQ(times, told);
  }
}

}  // namespace
}  // namespace fittest::select
