#include "merge/location.h"

#include <gtest/gtest.h>

#include <random>

namespace fittest::merge {
namespace {

std::string found(std::string_view id, std::string_view message) {
  const Location location = location_of(id, message);
  return std::string(location.file) + ":" + (location.line ? std::to_string(*location.line) : "-");
}

TEST(Location, IsTheLastPlaceInTheTestsFile) {
  EXPECT_EQ(found("tests/a.py::test_b", "tests/a.py:12: AssertionError"), "tests/a.py:12");
  EXPECT_EQ(found("tests/a.py::test_b", "tests/a.py:8: \n_ _ _\nE  bad\nsrc/x.py:99: ValueError\n"), "tests/a.py:8");
  EXPECT_EQ(found("tests/a.py::test_b", "tests/a.py:8: in test_b\ntests/a.py:3: in helper\n"), "tests/a.py:3");
  EXPECT_EQ(found("tests/a.py::T::test_b[a.py:1:]", "/src/tests/a.py:12: E"), "tests/a.py:12");
}

TEST(Location, OfANativeTraceback) {
  EXPECT_EQ(found("tests/a.py::test_b", "  File \"/src/tests/a.py\", line 12, in test_b\n    x()\n"), "tests/a.py:12");
}

TEST(Location, WithoutALineTheFileOnly) {
  EXPECT_EQ(found("tests/a.py::test_b", ""), "tests/a.py:-");
  EXPECT_EQ(found("tests/a.py::test_b", "worker gw1 crashed"), "tests/a.py:-");
  EXPECT_EQ(found("a.py::test_b", "data.py:12: E"), "a.py:-");
  EXPECT_EQ(found("a.py::test_b", "a.py:0: E\na.py:x: E\na.py:12\na.py:99999999999: E"), "a.py:-");
  EXPECT_EQ(found("Parser.Empty", "Parser.Empty:12: E"), ":-");
}

TEST(Reason, IsTheDetailThenTheMarkedThenTheFirstLine) {
  report::TestFinished test;
  EXPECT_EQ(reason_of(test), "");
  test.message = "\n  def test_b():\n>    assert x\n";
  EXPECT_EQ(reason_of(test), "def test_b():");
  test.message += "E       assert 1 == 2\nE       more\n";
  EXPECT_EQ(reason_of(test), "assert 1 == 2");
  test.detail = "timed\tout";
  EXPECT_EQ(reason_of(test), "timed out");
}

TEST(Location, AnyTextWillDo) {
  std::mt19937 random(3);
  const std::string pieces[] = {"a.py", ":", "12", "\n", "/", "File \"", "\", line ", "::", "E ", "\xff", " "};
  for (int round = 0; round < 20000; ++round) {
    std::string id;
    std::string message;
    for (auto i = random() % 5; i > 0; --i) id += pieces[random() % std::size(pieces)];
    for (auto i = random() % 12; i > 0; --i) message += pieces[random() % std::size(pieces)];
    const Location location = location_of(id, message);
    EXPECT_LE(location.file.size(), id.size());
    report::TestFinished test;
    test.message = message;
    EXPECT_EQ(reason_of(test).find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace fittest::merge
