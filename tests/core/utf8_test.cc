#include "core/utf8.h"

#include <gtest/gtest.h>

#include <random>

namespace fittest {
namespace {

TEST(Utf8, ReplacesWhatIsNone) {
  static const std::string kReplaced = "\xEF\xBF\xBD";
  EXPECT_EQ(valid_utf8("a\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80z"), "a\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80z");
  EXPECT_EQ(valid_utf8("\xff"), kReplaced);
  EXPECT_EQ(valid_utf8("\xC0\x80"), kReplaced + kReplaced);                  // overlong
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), kReplaced + kReplaced + kReplaced);  // a surrogate
  EXPECT_EQ(valid_utf8("\xE6\x97"), kReplaced + kReplaced);
  EXPECT_EQ(valid_utf8("\xF5\x80\x80\x80"), kReplaced + kReplaced + kReplaced + kReplaced);
}

TEST(Utf8, WhatWasReplacedIsValid) {
  std::mt19937_64 random(9);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 12, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 2 == 0 ? random() % 256 : 0x80 + random() % 0x80);
    const std::string once = valid_utf8(bytes);
    EXPECT_EQ(valid_utf8(once), once);
    for (std::string_view rest = once; !rest.empty();) {
      const Decoded next = decode_utf8(rest);
      ASSERT_EQ(next.kind, Decoded::Kind::valid);
      rest.remove_prefix(next.length);
    }
  }
}

}  // namespace
}  // namespace fittest
