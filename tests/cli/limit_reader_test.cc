#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "parsed.h"

namespace fittest::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(LimitReader, ReadsEveryKey) {
  const Config config = parsed(R"toml([[limit]]
tests = "label(unit)"
memory = "100 MB"
leaks = "1.5K"

[[limit]]
memory = "1G"
)toml");
  ASSERT_EQ(config.limits.size(), 2U);
  EXPECT_EQ(config.limits[0].where, "fittest.toml:1");
  ASSERT_TRUE(config.limits[0].tests);
  EXPECT_EQ(config.limits[0].tests->text(), "label(unit)");
  EXPECT_EQ(config.limits[0].memory, MiB(100));
  EXPECT_EQ(config.limits[0].leaks, Bytes{1536});
  EXPECT_FALSE(config.limits[1].tests);
  EXPECT_EQ(config.limits[1].memory, GiB(1));
  EXPECT_FALSE(config.limits[1].leaks);
}

TEST(LimitReader, ReadsThemOfAPyproject) {
  const Config config =
      parsed("[project]\nname = \"x\"\n[[tool.fittest.limit]]\nleaks = \"0B\"\n", ConfigKind::pyproject_toml);
  ASSERT_EQ(config.limits.size(), 1U);
  EXPECT_EQ(config.limits[0].where, "fittest.toml:3");
  EXPECT_EQ(config.limits[0].leaks, Bytes{0});
}

TEST(LimitReader, NothingIsLimitedByDefault) {
  EXPECT_THAT(parsed("budget = \"1G\"\n").limits, IsEmpty());
}

TEST(LimitReader, MistakesNameTheLine) {
  EXPECT_THAT(refused("[[limit]]\ntests = \"label(a)\"\n"),
              StartsWith("fittest.toml:1: a limit needs 'memory' or 'leaks'"));
  EXPECT_THAT(refused("\n[[limit]]\nmemory = \"a lot\"\n"), StartsWith("fittest.toml:3: 'memory' is malformed"));
  EXPECT_THAT(refused("[[limit]]\nmemory = 100\n"), StartsWith("fittest.toml:2: 'memory' must be a size in quotes"));
  EXPECT_THAT(refused("[[limit]]\nleaks = \"-1 MB\"\n"), StartsWith("fittest.toml:2: 'leaks' is malformed"));
  EXPECT_THAT(refused("[[limit]]\nmemory = \"1M\"\ntests = \"label(\"\n"), StartsWith("fittest.toml:3, column"));
  EXPECT_THAT(refused("[[limit]]\nmemori = \"1M\"\n"), HasSubstr("did you mean 'memory'?"));
  EXPECT_THAT(refused("limit = \"1M\"\n"), HasSubstr("write [[limit]] above each limit"));
  EXPECT_THAT(refused("[limit]\nmemory = \"1M\"\n"), HasSubstr("write [[limit]] above each limit"));
}

TEST(LimitReader, TheHeapIsWatchedAsOneOfFourWordsSays) {
  EXPECT_EQ(parsed("heap = \"sample\"\n").heap->value, "sample");
  EXPECT_FALSE(parsed("").heap);
  EXPECT_THAT(refused("heap = \"sampled\"\n"), HasSubstr("did you mean \"sample\"?"));
}

}  // namespace
}  // namespace fittest::cli
