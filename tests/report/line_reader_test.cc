#include "report/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "support/folder.h"

namespace fittest::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> lines_of(const std::string& text) {
  const Folder folder;
  std::ofstream(folder.path() / "file", std::ios::binary) << text;
  auto reader = LineReader::open(folder.path() / "file");
  EXPECT_TRUE(reader);
  std::vector<std::string> lines;
  while (true) {
    const auto line = reader->next();
    EXPECT_TRUE(line);
    if (!line || !*line) return lines;
    lines.emplace_back(**line);
  }
}

TEST(LineReader, GivesEachLineOnce) {
  EXPECT_THAT(lines_of(""), IsEmpty());
  EXPECT_THAT(lines_of("\n"), ElementsAre(""));
  EXPECT_THAT(lines_of("a\n\nb\n"), ElementsAre("a", "", "b"));
  EXPECT_THAT(lines_of("a\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(lines_of(std::string("a\0b\n", 4)), ElementsAre(std::string("a\0b", 3)));
}

TEST(LineReader, LinesOfAnyLengthComeThroughTheBuffer) {
  std::string text;
  std::vector<std::string> expected;
  for (std::size_t length = 1; length < 2'000'000; length = length * 3 + 1) {
    expected.emplace_back(length, static_cast<char>('a' + expected.size()));
    text += expected.back() + "\n";
  }
  EXPECT_EQ(lines_of(text), expected);
}

TEST(LineReader, OfAVeryLongLineTheBeginningComes) {
  const auto lines = lines_of("a\n" + std::string(kLongestLine + 300'000, 'x') + "\nb\n");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "a");
  EXPECT_EQ(lines[1], std::string(kLongestLine, 'x'));
  EXPECT_EQ(lines[2], "b");
}

TEST(LineReader, WhatCannotBeReadIsNamed) {
  const Folder folder;
  EXPECT_THAT(LineReader::open(folder.path() / "none").error().text(), HasSubstr("none: cannot be read"));
  auto reader = LineReader::open(folder.path());
  ASSERT_TRUE(reader);
  EXPECT_THAT(reader->next().error().text(), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace fittest::report
