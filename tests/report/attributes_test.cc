#include "report/attributes.h"

#include <gtest/gtest.h>

namespace fittest::report {
namespace {

std::string active_after(std::string_view bytes) {
  Attributes whole;
  whole.feed(bytes);
  Attributes in_pieces;
  for (const char c : bytes) in_pieces.feed({&c, 1});
  EXPECT_EQ(whole.active(), in_pieces.active());
  return whole.active();
}

TEST(Attributes, RemembersWhatIsSwitchedOn) {
  EXPECT_EQ(active_after("a\x1b[31mb\x1b[1mc"), "\x1b[31m\x1b[1m");
  EXPECT_EQ(active_after("a\x1b[31mb\x1b[0mc"), "");
  EXPECT_EQ(active_after("a\x1b[31mb\x1b[mc"), "");
}

TEST(Attributes, BlackOf256ColoursIsNoReset) {
  EXPECT_EQ(active_after("\x1b[38;5;0m"), "\x1b[38;5;0m");
}

TEST(Attributes, OtherSequencesAreNoColours) {
  EXPECT_EQ(active_after("\x1b[2J\x1b]0;title\x07\x1b(B\x1b[10;20H\x1b\x1b[4m"), "\x1b[4m");
  EXPECT_EQ(active_after("\x1b"), "");
  EXPECT_EQ(active_after("\x1b[3"), "");
}

TEST(Attributes, DoesNotGrowWithoutEnd) {
  Attributes attributes;
  for (int i = 0; i < 100'000; ++i) attributes.feed("\x1b[31m");
  attributes.feed("\x1b[" + std::string(100'000, '1'));
  EXPECT_LT(attributes.active().size(), 1000U);
}

}  // namespace
}  // namespace fittest::report
