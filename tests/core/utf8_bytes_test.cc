#include "core/utf8_bytes.h"

#include <gtest/gtest.h>

#include <random>

#include "core/utf8.h"

namespace fittest {
namespace {

TEST(Utf8Bytes, LeaveUtf8AsItIs) {
  EXPECT_EQ(bytes_to_utf8("tests/ä.py::test[\xF0\x9F\x98\x80]"), "tests/ä.py::test[\xF0\x9F\x98\x80]");
  EXPECT_EQ(utf8_to_bytes("ä"), "ä");
}

TEST(Utf8Bytes, StandForABadByteByOneCharacter) {
  EXPECT_EQ(bytes_to_utf8("a\xFF"), "a\xF4\x8F\xBF\xBF");
  EXPECT_EQ(bytes_to_utf8("\x80z"), "\xF4\x8F\xBE\x80z");
}

TEST(Utf8Bytes, AreTheSameThereAndBack) {
  std::mt19937_64 random(1);
  const std::string pieces[] = {
      "a", "é", "\xFF", "\x80", "\xF4\x8F\xBF\xBF", "\xF4\x8F", "\xED\xB3\xBF", std::string(1, '\0')};
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (std::uint64_t n = random() % 12; n > 0; --n) bytes += pieces[random() % std::size(pieces)];
    const std::string text = bytes_to_utf8(bytes);
    EXPECT_EQ(valid_utf8(text), text);
    EXPECT_EQ(utf8_to_bytes(text), bytes);
  }
}

}  // namespace
}  // namespace fittest
