#include "report/selection_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

#include "support/folder.h"
#include "support/mutated.h"

namespace fittest::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SelectionFileTest : public ::testing::Test {
 protected:
  Result<SelectionFile> read(const std::string& text) {
    std::ofstream(file_, std::ios::binary) << text;
    return read_selection(file_);
  }
  std::string error_of(const std::string& text) {
    const auto selection = read(text);
    return selection ? "no error" : selection.error().text();
  }
  std::string written(const SelectionFile& selection) {
    EXPECT_TRUE(write_selection(file_, selection));
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Folder folder_;
  const std::filesystem::path file_ = folder_.path() / "selection.json";
};

SelectionFile third_of_four() {
  SelectionFile selection;
  selection.suite = "pytest";
  selection.variant = "py3.12";
  selection.chunk = "unit";
  selection.split = SelectionFile::Split{4, 3, "balanced", "0123456789abcdef"};
  selection.candidates = {"a.py::b", "a.py::c[\n\"::/]", "\xC3\xA9.py::d"};
  selection.selected = {0, 2};
  return selection;
}

TEST_F(SelectionFileTest, ReadsBackWhatWasWritten) {
  ASSERT_TRUE(write_selection(file_, third_of_four()));
  const auto selection = read_selection(file_);
  ASSERT_TRUE(selection) << selection.error().text();
  EXPECT_EQ(selection->suite, "pytest");
  EXPECT_EQ(selection->variant, "py3.12");
  EXPECT_EQ(selection->chunk, "unit");
  EXPECT_EQ(selection->split, third_of_four().split);
  EXPECT_EQ(selection->candidates, third_of_four().candidates);
  EXPECT_THAT(selection->selected, ElementsAre(0, 2));
}

TEST_F(SelectionFileTest, IsSpelledAsAgreed) {
  EXPECT_EQ(written({.suite = "pytest", .candidates = {"a"}, .selected = {0}}),
            R"({"candidates":["a"],"chunk":"","selected":[0],"split":null,"suite":"pytest","variant":"","version":1})"
            "\n");
  EXPECT_THAT(written(third_of_four()),
              HasSubstr(R"("split":{"algorithm":"balanced","fingerprint":"0123456789abcdef","group":3,"splits":4})"));
}

TEST_F(SelectionFileTest, BytesThatAreNoTextAreSpelledAsInTheEvents) {
  ASSERT_TRUE(write_selection(file_, {.suite = "pytest", .candidates = {"a\xff"}, .selected = {}}));
  EXPECT_THAT(read_selection(file_)->candidates, ElementsAre("a\xEF\xBF\xBD"));
}

TEST_F(SelectionFileTest, ReplacesTheOldFileAndLeavesNothingBeside) {
  std::ofstream(file_) << "old";
  ASSERT_TRUE(write_selection(file_, third_of_four()));
  EXPECT_TRUE(read_selection(file_));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(SelectionFileTest, WhatNeedNotBeThere) {
  const auto selection = read(R"({"version":1,"suite":"s","candidates":[],"selected":[],"later":[{}]})");
  ASSERT_TRUE(selection) << selection.error().text();
  EXPECT_EQ(selection->variant, "");
  EXPECT_EQ(selection->chunk, "");
  EXPECT_FALSE(selection->split);
}

TEST_F(SelectionFileTest, MistakesAreNamed) {
  EXPECT_THAT(error_of("{\"version\":1,\n\"suite\""), HasSubstr("selection.json:2: no JSON, or torn\n  -> "));
  EXPECT_THAT(error_of(""), HasSubstr("selection.json:1: no JSON"));
  EXPECT_THAT(error_of("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(error_of("{}"), HasSubstr("no 'version' in it"));
  EXPECT_THAT(error_of(R"({"version":2})"), HasSubstr("of version 2, and version 1"));
  EXPECT_THAT(error_of(R"({"version":1})"), HasSubstr("no 'suite' in it"));
  const std::string head = R"({"version":1,"suite":"s",)";
  EXPECT_THAT(error_of(head + R"("selected":[]})"), HasSubstr("no 'candidates' in it"));
  EXPECT_THAT(error_of(head + R"("candidates":{},"selected":[]})"), HasSubstr("'candidates' is no list"));
  EXPECT_THAT(error_of(head + R"("candidates":[1],"selected":[]})"), HasSubstr("'candidates' holds what is no text"));
  EXPECT_THAT(error_of(head + R"("candidates":["a"],"selected":[1]})"), HasSubstr("'selected' names test 1 of 1"));
  EXPECT_THAT(error_of(head + R"("candidates":["a"],"selected":[-1]})"),
              HasSubstr("'selected' holds what is no number"));
  EXPECT_THAT(error_of(head + R"("candidates":["a"],"selected":[4294967296]})"), HasSubstr("'selected' holds"));
  EXPECT_THAT(error_of(head + R"("candidates":[],"selected":[],"split":7})"), HasSubstr("'split' is no object"));
  EXPECT_THAT(error_of(head + R"("candidates":[],"selected":[],"split":{"splits":4,"group":5}})"),
              HasSubstr("group 5 of 4 is none"));
  EXPECT_THAT(error_of(head + R"("candidates":[],"selected":[],"split":{"splits":0,"group":0}})"),
              HasSubstr("group 0 of 0 is none"));
  EXPECT_THAT(error_of(head + R"("candidates":[],"selected":[],"variant":7})"), HasSubstr("'variant' is no text"));
}

TEST_F(SelectionFileTest, WhatCannotBeReadOrWrittenIsNamed) {
  EXPECT_THAT(read_selection(folder_.path() / "none.json").error().text(), HasSubstr("none.json: cannot be read"));
  EXPECT_FALSE(read_selection(folder_.path()));
  std::filesystem::create_directory(file_);
  EXPECT_THAT(write_selection(file_, {}).error().text(), HasSubstr("selection.json: cannot be written"));
}

TEST_F(SelectionFileTest, MutatedFilesAreErrorsOrFit) {
  const std::string good = written(third_of_four());
  std::mt19937_64 random(7);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = mutated(good, random, "0123456789\"[]{},:-e", 3);
    const auto selection = read(text);
    if (!selection) continue;
    for (const TestIndex place : selection->selected) EXPECT_LT(place, selection->candidates.size()) << text;
  }
}

}  // namespace
}  // namespace fittest::report
