#include "core/bytes.h"

#include <gtest/gtest.h>

#include <random>

#include "core/verdict.h"

namespace fittest {
namespace {

TEST(Bytes, ReadsEveryUnitOf1024) {
  EXPECT_EQ(parse_bytes("4G").value(), GiB(4));
  EXPECT_EQ(parse_bytes("512MiB").value(), MiB(512));
  EXPECT_EQ(parse_bytes(" 1.5 gb ").value(), MiB(1536));
  EXPECT_EQ(parse_bytes("1048576").value(), MiB(1));
  EXPECT_EQ(parse_bytes("7b").value(), Bytes{7});
  EXPECT_EQ(parse_bytes("2T").value(), GiB(2048));
}

TEST(Bytes, RefusesWhatIsNoSizeAndSaysWhatToWrite) {
  for (const char* text : {"", "  ", "G", "-1G", "4X", "4Bi", "4bb", "1e400", "nan", "inf", "4 4G", "99999P"}) {
    const auto parsed = parse_bytes(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().text().find("write a size as"), std::string::npos) << text;
  }
}

TEST(Bytes, PrintsAtMostThreeDigits) {
  EXPECT_EQ(format_bytes(Bytes{0}), "0 B");
  EXPECT_EQ(format_bytes(Bytes{999}), "999 B");
  EXPECT_EQ(format_bytes(Bytes{1000}), "1.0 KiB");
  EXPECT_EQ(format_bytes(MiB(512)), "512 MiB");
  EXPECT_EQ(format_bytes(GiB(4)), "4.0 GiB");
  EXPECT_EQ(format_bytes(MiB(1023)), "1.0 GiB");
}

TEST(Bytes, PrintedSizesReadBackWithinTheirRounding) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const Bytes amount{random() >> (random() % 60 + 2)};
    const auto again = parse_bytes(format_bytes(amount));
    ASSERT_TRUE(again) << format_bytes(amount);
    EXPECT_NEAR(static_cast<double>(again->value), static_cast<double>(amount.value),
                0.06 * static_cast<double>(amount.value) + 1);
  }
}

TEST(Bytes, SubtractionStopsAtZero) {
  EXPECT_EQ(MiB(1) - MiB(2), Bytes{0});
}

TEST(Verdict, NamesReadBack) {
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    EXPECT_EQ(verdict_from(name(verdict)), verdict);
  }
  EXPECT_FALSE(verdict_from("fine"));
}

}  // namespace
}  // namespace fittest
