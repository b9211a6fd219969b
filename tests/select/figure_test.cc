#include "select/figure.h"

#include <gtest/gtest.h>

namespace fittest::select {
namespace {

TEST(Figure, SizesNeedAUnit) {
  EXPECT_EQ(parse_size("100MB").value(), MiB(100));
  EXPECT_EQ(parse_size("1.5 GiB").value(), MiB(1536));
  EXPECT_EQ(parse_size("0").value(), Bytes{});
  EXPECT_EQ(parse_size("7B").value(), Bytes{7});
  EXPECT_EQ(parse_size("100").error().remedy, "write 100B, 100KB, 100MB or 100GB (units of 1024)");
  for (const char* text : {"", "MB", "-1MB", "1XB", "1.5", "1e400MB"}) EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Figure, DurationsAreSecondsWithoutAUnit) {
  EXPECT_DOUBLE_EQ(parse_duration("2").value(), 2);
  EXPECT_DOUBLE_EQ(parse_duration("2.5s").value(), 2.5);
  EXPECT_DOUBLE_EQ(parse_duration("250 ms").value(), 0.25);
  EXPECT_DOUBLE_EQ(parse_duration("2m").value(), 120);
  EXPECT_DOUBLE_EQ(parse_duration("2min").value(), 120);
  EXPECT_DOUBLE_EQ(parse_duration("0.5h").value(), 1800);
  for (const char* text : {"", "s", "-1s", "-0", "1d", "1 s s", "nan", "inf", "1e400", "1e3"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Figure, RunsAreWholeNumbers) {
  EXPECT_EQ(parse_count("3").value(), 3U);
  for (const char* text : {"", "3.0", "-1", "3x", "4294967296"}) EXPECT_FALSE(parse_count(text)) << text;
}

}  // namespace
}  // namespace fittest::select
