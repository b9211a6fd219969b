#include "report/words.h"

#include <gtest/gtest.h>

#include <random>

#include "core/utf8.h"
#include "report/width.h"

namespace fittest::report {
namespace {

TEST(Words, Counts) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(12345678), "12,345,678");
  EXPECT_EQ(counted(1, "test"), "1 test");
  EXPECT_EQ(counted(2, "batch"), "2 batches");
}

TEST(Words, Spans) {
  EXPECT_EQ(format_span(0), "0 s");
  EXPECT_EQ(format_span(-1), "0 s");
  EXPECT_EQ(format_span(0.0001), "1 ms");
  EXPECT_EQ(format_span(0.04), "40 ms");
  EXPECT_EQ(format_span(0.0996), "0.1 s");
  EXPECT_EQ(format_span(3.44), "3.4 s");
  EXPECT_EQ(format_span(9.96), "10 s");
  EXPECT_EQ(format_span(85.2), "85 s");
  EXPECT_EQ(format_span(119.6), "2 min 00 s");
  EXPECT_EQ(format_span(725), "12 min 05 s");
  EXPECT_EQ(format_span(11'220), "3 h 07 min");
}

TEST(Words, Shares) {
  EXPECT_EQ(format_share(MiB(2150), GiB(4), "/"), "2.1/4.0 GiB");
  EXPECT_EQ(format_share(MiB(471), GiB(4), " of "), "471 MiB of 4.0 GiB");
}

TEST(Words, OneLineHasNoControlCharacters) {
  EXPECT_EQ(one_line("  a\nb\x1b[31mc\xff\t"), "a b [31mc\xEF\xBF\xBD");
  EXPECT_EQ(one_line(" \n"), "");
}

TEST(Words, WrapsAtSpaces) {
  EXPECT_EQ(wrap("aa bb cc", 5, 2), (std::vector<std::string>{"aa bb", "  cc"}));
  EXPECT_EQ(wrap("  aa bb", 80, 2), (std::vector<std::string>{"  aa bb"}));
  EXPECT_EQ(wrap("averylongword b", 5, 1), (std::vector<std::string>{"averylongword", " b"}));
  EXPECT_EQ(wrap("", 5, 1), (std::vector<std::string>{""}));
}

TEST(Width, CountsColumns) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("\x1b[1;31mabc\x1b[0m"), 3U);
  EXPECT_EQ(display_width("\xE6\x97\xA5"), 2U);
  EXPECT_EQ(display_width("e\xCC\x81"), 1U);
  EXPECT_EQ(display_width("\xff"), 1U);
}

TEST(Width, ShortensInTheMiddle) {
  EXPECT_EQ(shorten_middle("tests/a.py::test_b", 80), "tests/a.py::test_b");
  EXPECT_EQ(shorten_middle("tests/unit/test_long.py::test_name[1-2]", 20), "tests...st_name[1-2]");
  EXPECT_EQ(shorten_middle("abcdef", 3), "abc");
  EXPECT_EQ(shorten_end("abcdefgh", 6), "abc...");
}

TEST(Width, NothingIsEverWiderThanAskedFor) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (std::size_t i = random() % 40; i > 0; --i) {
      static const std::vector<std::string> kPieces = {"a", "::", "\xE6\x97\xA5", "e\xCC\x81", "\xff", "\x1b[31m"};
      text += kPieces[random() % kPieces.size()];
    }
    const std::size_t columns = random() % 30;
    EXPECT_LE(display_width(shorten_middle(text, columns)), columns);
    EXPECT_LE(display_width(shorten_end(text, columns)), columns);
    EXPECT_LE(display_width(cut_to_width(text, columns)), columns);
  }
}

}  // namespace
}  // namespace fittest::report
