#include "report/open_line.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace fittest::report {
namespace {

TEST(OpenLine, FindsTheCursor) {
  EXPECT_EQ(measure("abc", 80).column, 3U);
  EXPECT_EQ(measure("\x1b[31mabc\x1b[0m", 80).column, 3U);
  EXPECT_EQ(measure("abc\rd", 80).column, 1U);
  EXPECT_EQ(measure("abc\b", 80).column, 2U);
  EXPECT_EQ(measure("abc\td", 80).column, 9U);
  EXPECT_EQ(measure("\xE6\x97\xA5\xE6\x9C\xAC", 80).column, 4U);
  EXPECT_EQ(measure("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", 80).column, 4U);
}

TEST(OpenLine, TheLastColumnWaitsForTheNextCharacter) {
  EXPECT_EQ(measure("0123456789", 10).row, 0U);
  EXPECT_EQ(measure("0123456789", 10).column, 10U);
  EXPECT_EQ(measure("0123456789a", 10).row, 1U);
  EXPECT_EQ(measure("0123456789a", 10).column, 1U);
  // Half of a wide character does not go into the last column.
  EXPECT_EQ(measure("012345678\xE6\x97\xA5", 10).row, 1U);
  EXPECT_EQ(measure("012345678\xE6\x97\xA5", 10).column, 2U);
}

TEST(OpenLine, KnowsWhatItCannotComeBackTo) {
  for (const char* text : {"\x1b[2A", "\x1b[1;1H", "a\x07",
                           "\x1b"
                           "7",
                           "\x1b(0", "\xff", "\v", "\xC2\x9B"}) {
    EXPECT_FALSE(measure(text, 80).tame) << text;
  }
}

TEST(OpenLine, KnowsAnEndWithinASequence) {
  for (const char* text : {"a\x1b", "a\x1b[", "a\x1b[31", "a\x1b]0;title", "a\x1b]0;title\x1b", "\xE6\x97", "\xF0"}) {
    EXPECT_FALSE(measure(text, 80).whole) << text;
  }
}

TEST(OpenLine, AnyBytesInAnyWidth) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = random() % 3 == 0 ? "\x1b[];m\r\t\b"[random() % 8] : static_cast<char>(random() % 256);
    const auto columns = static_cast<unsigned>(1 + random() % 20);
    EXPECT_LE(measure(bytes, columns).column, columns);
  }
}

}  // namespace
}  // namespace fittest::report
