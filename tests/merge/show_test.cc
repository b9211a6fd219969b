// What a person reads of a merge: on the screen, in GitHub's summary and annotations, in missing.txt and junit.xml.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <pugixml.hpp>
#include <string>

#include "../report/snapshot.h"
#include "merge/github.h"
#include "merge/junit.h"
#include "merge/missing.h"
#include "merge/rows.h"
#include "merge/screen.h"
#include "report/width.h"
#include "runs.h"
#include "support/folder.h"

namespace fittest::merge {
namespace {

using report::matches_snapshot;
using ::testing::HasSubstr;
using ::testing::Not;
using enum Verdict;

constexpr const char* kLongId =
    "tests/integration/pipelines/test_reconstruction.py::TestWaveletReconstruction::"
    "test_perfect_reconstruction_of_long_recordings[db4-periodization-10000000]";

// Everything there is: two variants, an attempt that was killed, a lost group, failures, tests not run and missing.
Merged stormy() {
  std::vector<std::string> all = {"tests/a.py::test_1", "tests/a.py::test_2", kLongId, "tests/b.py::test[x|<b>\n*_`]",
                                  "tests/b.py::test_lost"};
  for (int i = 0; i < 25; ++i) all.push_back(fmt::format("tests/c.py::test[{}]", i));
  merge::Run odd =
      RunBuilder(5, {{"tests/b.py::test[x|<b>\n*_`]", crashed}}).selection(all).variant("py3.12").group(3, 4);
  odd.journal.finished[0].detail = "worker 'gw1' crashed: signal 11, @someone #1 <img src=x> 100 % sure\n::error::no";
  return merged({RunBuilder(1, {{"tests/a.py::test_1", passed}, {"tests/a.py::test_2", failed}})
                     .selection(all)
                     .variant("py3.12")
                     .group(1, 4)
                     .killed(),
                 RunBuilder(2, {{"tests/a.py::test_1", passed}, {"tests/a.py::test_2", passed}})
                     .selection(all)
                     .variant("py3.12")
                     .group(1, 4),
                 RunBuilder(3, {{kLongId, over_budget}, {"tests/c.py::test[0]", xfailed}})
                     .selection(all)
                     .variant("py3.12")
                     .group(2, 4, "other")
                     .not_run({"tests/b.py::test_lost"})
                     .interrupted(),
                 odd,
                 RunBuilder(4, {{"tests/a.py::test_1", failed}}).selection({"tests/a.py::test_1"}).variant("py3.9")});
}

Merged quiet() {
  return merged({RunBuilder(1, {{"tests/a.py::test_1", passed}, {"tests/a.py::test_2", skipped}}).group(1, 2),
                 RunBuilder(2, {{"tests/a.py::test_3", passed}}).group(2, 2)});
}

TEST(MergeScreen, IsAsInTheSnapshots) {
  EXPECT_TRUE(matches_snapshot("quiet-80", screen_text(quiet(), ".fittest/merged", 80, report::Style(false))));
  EXPECT_TRUE(matches_snapshot("stormy-80", screen_text(stormy(), ".fittest/merged", 80, report::Style(false))));
  EXPECT_TRUE(matches_snapshot("stormy-color-80", screen_text(stormy(), ".fittest/merged", 80, report::Style(true))));
}

TEST(MergeScreen, NoLineIsWiderThanTheScreen) {
  for (const unsigned columns : {80U, 90U, 200U}) {
    const std::string text = screen_text(stormy(), ".fittest/merged", columns, report::Style(true));
    for (std::size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1) {
      const std::string line = text.substr(begin, text.find('\n', begin) - begin);
      EXPECT_LE(report::display_width(line), columns) << line;
    }
  }
}

TEST(MergeScreen, OfVeryManyTheFirstAreShown) {
  Verdicts verdicts;
  for (int i = 0; i < 1000; ++i) verdicts.emplace_back(fmt::format("a.py::t{}", i), failed);
  const std::string text = screen_text(merged({RunBuilder(1, verdicts)}), "out", 80, report::Style(false));
  EXPECT_THAT(text, HasSubstr("a.py::t49\n"));
  EXPECT_THAT(text, Not(HasSubstr("a.py::t50\n")));
  EXPECT_THAT(text, HasSubstr("  and 950 more failed: see junit.xml\n"));
}

TEST(Markdown, IsAsInTheSnapshots) {
  EXPECT_TRUE(matches_snapshot("quiet-markdown", markdown(quiet())));
  EXPECT_TRUE(matches_snapshot("stormy-markdown", markdown(stormy())));
}

TEST(Markdown, NothingOfATestsNameIsTakenForMarkup) {
  const std::string text = markdown(stormy());
  EXPECT_THAT(text, Not(HasSubstr("<img")));
  EXPECT_THAT(text, Not(HasSubstr("<b>")));
  EXPECT_THAT(text, Not(HasSubstr("@someone")));
  EXPECT_THAT(text, HasSubstr("&#64;someone"));
}

TEST(Annotations, AreAsInTheSnapshots) {
  EXPECT_EQ(annotations(quiet()), "");
  EXPECT_TRUE(matches_snapshot("stormy-annotations", annotations(stormy())));
}

TEST(Annotations, AreEscapedByGitHubsRules) {
  merge::Run run = RunBuilder(1, {{"a,b.py::test[1:2%\n]", failed}});
  run.journal.finished[0].detail = "100 %\r::error::x, y: z";
  run.journal.finished[0].message = "a,b.py:7: AssertionError";
  EXPECT_EQ(annotations(merged({run})),
            "::error file=a%2Cb.py,line=7,title=a%2Cb.py%3A%3Atest[1%3A2%25%0A]::failed: 100 %25 ::error::x, y: z\n");
}

TEST(Annotations, AreTenAtMost) {
  const auto of = [](int failures) {
    Verdicts verdicts;
    for (int i = 0; i < failures; ++i) verdicts.emplace_back(fmt::format("a.py::t{}", i), failed);
    const std::string text = annotations(merged({RunBuilder(1, verdicts)}));
    return std::pair(std::count(text.begin(), text.end(), '\n'), text);
  };
  EXPECT_EQ(of(10).first, 10);
  EXPECT_THAT(of(10).second, HasSubstr("title=a.py%3A%3At9::"));
  EXPECT_EQ(of(11).first, 10);
  EXPECT_THAT(of(11).second, HasSubstr("title=a.py%3A%3At8::"));
  EXPECT_THAT(of(11).second, HasSubstr("::error title=fittest merge::and 2 more: see "));
}

class MergeFiles : public ::testing::Test {
 protected:
  [[nodiscard]] std::string content() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Folder folder_;
  const std::filesystem::path file_ = folder_.path() / "out" / "file";
};

TEST_F(MergeFiles, MissingHasOneIdALineAndIsEmptyWhereNothingIs) {
  ASSERT_TRUE(write_missing(stormy(), file_));
  const std::string text = content();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 25);
  EXPECT_THAT(text, ::testing::StartsWith("tests/b.py::test_lost\tpy3.12\ntests/c.py::test[1]\tpy3.12\n"));
  ASSERT_TRUE(write_missing(merged({RunBuilder(1, {}).selection({"a\\b\nc"})}), file_));
  EXPECT_EQ(content(), "a\\\\b\\x0ac\n");
  ASSERT_TRUE(write_missing(quiet(), file_));
  EXPECT_EQ(content(), "");
}

TEST_F(MergeFiles, JUnitHasEveryTestOnceInTheSuiteOfItsRun) {
  const Merged all = stormy();
  ASSERT_TRUE(write_junit(all, file_));
  pugi::xml_document document;
  ASSERT_TRUE(document.load_file(file_.c_str()));
  const pugi::xml_node root = document.child("testsuites");
  EXPECT_EQ(root.attribute("tests").as_uint(), all.tests.size());
  EXPECT_EQ(root.attribute("failures").as_int(), 2);
  EXPECT_EQ(root.attribute("errors").as_int(), 1 + 25);
  EXPECT_EQ(root.attribute("time").as_double(), 450);
  std::size_t cases = 0;
  for (const pugi::xml_node suite : root.children("testsuite")) {
    const auto found = std::distance(suite.children("testcase").begin(), suite.children("testcase").end());
    EXPECT_EQ(suite.attribute("tests").as_int(), found);
    cases += static_cast<std::size_t>(found);
  }
  EXPECT_EQ(cases, all.tests.size());
  const pugi::xml_node second = document.select_node("//testsuite[@hostname='host2']").node();
  EXPECT_EQ(second.attribute("tests").as_int(), 2);
  EXPECT_STREQ(second.attribute("timestamp").value(), "2023-11-14T22:16:40+00:00");
  const auto property = [&](const char* name) {
    return std::string(second.child("properties").find_child_by_attribute("name", name).attribute("value").value());
  };
  EXPECT_EQ(property("fittest.run_id"), "run-002");
  EXPECT_EQ(property("fittest.variant"), "py3.12");
  EXPECT_EQ(property("fittest.group"), "1 of 4");
  const pugi::xml_node lost = document.select_node("//testcase[@name='test_lost']").node();
  EXPECT_STREQ(lost.child("error").attribute("type").value(), "not_run");
  const pugi::xml_node missing = document.select_node("//testcase[@name='test[7]']").node();
  EXPECT_STREQ(missing.child("error").attribute("type").value(), "missing");
  EXPECT_STREQ(missing.child("error").attribute("message").value(), "no run has a verdict of this test");
}

TEST(Headline, CountsWhatThereIs) {
  EXPECT_EQ(headline(quiet()), "3 tests of 2 runs: 2 passed, 1 skipped");
  EXPECT_EQ(
      headline(stormy()),
      "31 tests of 5 runs: 1 failed, 1 crashed, 1 over_budget, 24 missing, 1 not_run, 2 passed, 1 xfailed; 1 failed "
      "in an earlier attempt");
  EXPECT_EQ(headline(merged({RunBuilder(1, {})})), "0 tests of 1 run");
}

}  // namespace
}  // namespace fittest::merge
