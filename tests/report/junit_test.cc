#include "report/junit.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <pugixml.hpp>
#include <random>
#include <string>

#include "report/junit_case.h"
#include "stories.h"
#include "support/folder.h"

extern char** environ;

namespace fittest::report {
namespace {

using ::testing::HasSubstr;

TEST(JUnitAddress, SplitsAsPytestDoes) {
  const auto split = [](const char* id) {
    const TestAddress address = junit_address(id);
    return address.classname + " | " + address.name;
  };
  EXPECT_EQ(split("tests/a.py::TestX::test_y[1]"), "tests.a.TestX | test_y[1]");
  EXPECT_EQ(split("tests/a.py::test_y[b::c/d.py]"), "tests.a | test_y[b::c/d.py]");
  EXPECT_EQ(split("a.py::test"), "a | test");
  EXPECT_EQ(split("a.py"), " | a");
  EXPECT_EQ(split("core_test::Parser.Empty"), "core_test | Parser.Empty");
  EXPECT_EQ(split(""), " | ");
}

TEST(JUnitText, SpellsForbiddenCharactersAsPytestDoes) {
  EXPECT_EQ(xml_text("a\x1b[31m\tb\n\x7f"), "a#x1B[31m\tb\n#x7F");
  EXPECT_EQ(xml_text(std::string("\0", 1)), "#x00");
  EXPECT_EQ(xml_text("\xEF\xBF\xBE"), "#xFFFE");
  EXPECT_EQ(xml_text("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(xml_text("\xff"), "\xEF\xBF\xBD");
}

class JUnitTest : public ::testing::Test {
 protected:
  [[nodiscard]] const std::filesystem::path& path() const { return file_; }
  // The errors xmllint finds against our schema; empty when there are none.
  [[nodiscard]] std::string invalid() const {
    const std::string log = (folder_.path() / "xmllint.log").string();
    const std::string schema = std::string(FITTEST_REPORT_TESTS) + "/junit.xsd";
    std::string file = file_.string();
    std::vector<std::string> words = {"xmllint", "--nonet", "--noout", "--schema", schema, file};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 2, 1);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, "xmllint", &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) return "xmllint is not there (Debian: libxml2-utils)";
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
    std::ifstream in(log);
    return "invalid: " + std::string(std::istreambuf_iterator<char>(in), {});
  }
  pugi::xml_document written(const Story& story) {
    auto junit = JUnit::create(file_);
    EXPECT_TRUE(junit) << junit.error().text();
    tell(story, **junit);
    EXPECT_FALSE((*junit)->error());
    return read();
  }
  [[nodiscard]] pugi::xml_document read() const {
    pugi::xml_document document;
    EXPECT_TRUE(document.load_file(file_.c_str()));
    return document;
  }
  Folder folder_;

 private:
  std::filesystem::path file_ = folder_.path() / "new" / "junit.xml";
};

pugi::xml_node testcase(const pugi::xml_document& document, const char* name) {
  return document.select_node(fmt::format("//testcase[@name='{}']", name).c_str()).node();
}
std::string property(pugi::xml_node node, const char* name) {
  return node.child("properties").find_child_by_attribute("name", name).attribute("value").value();
}

TEST_F(JUnitTest, EveryStoryIsValid) {
  for (const Story& story : {quiet_story(), stormy_story(), stopped_story(), crowded_story()}) {
    written(story);
    EXPECT_EQ(invalid(), "");
  }
}

TEST_F(JUnitTest, SchemaRefusesWhatIsNone) {
  std::filesystem::create_directories(path().parent_path());
  std::ofstream(path())
      << "<testsuites><testsuite name='x'><testcase name='y'><fails/></testcase></testsuite></testsuites>";
  EXPECT_THAT(invalid(), HasSubstr("fails"));
}

TEST_F(JUnitTest, HoldsWhatHappened) {
  const pugi::xml_document document = written(stormy_story());
  const pugi::xml_node suite = document.child("testsuites").child("testsuite");
  EXPECT_STREQ(suite.attribute("name").value(), "pytest");
  EXPECT_EQ(suite.attribute("tests").as_int(), 14);
  EXPECT_EQ(suite.attribute("failures").as_int(), 4);  // failed, timed_out, over_limit, over_budget
  EXPECT_EQ(suite.attribute("errors").as_int(), 2);    // crashed, error
  EXPECT_EQ(suite.attribute("skipped").as_int(), 2);
  EXPECT_EQ(property(suite, "fittest.budget_bytes"), std::to_string(GiB(4).value));
  EXPECT_EQ(property(suite, "fittest.domain"), "cgroup v1");
  EXPECT_EQ(property(suite, "fittest.peak_bytes"), std::to_string(MiB(4000).value));

  const pugi::xml_node failed = testcase(document, "test_sum");
  EXPECT_STREQ(failed.attribute("classname").value(), "tests.test_math");
  EXPECT_STREQ(failed.child("failure").attribute("message").value(), "E  assert 1 == 2");
  EXPECT_STREQ(failed.child("failure").child_value(), "E  assert 1 == 2\ntest_math.py:3");
  EXPECT_EQ(property(failed, "fittest.verdict"), "failed");
  EXPECT_EQ(property(failed, "fittest.peak_bytes"), std::to_string(MiB(9).value));

  const pugi::xml_node over = testcase(document, "test_b");
  EXPECT_STREQ(over.child("failure").attribute("type").value(), "over_budget");
  EXPECT_STREQ(over.child("failure").attribute("message").value(), "held 4.0 GiB alone, and asked for more");
  EXPECT_STREQ(testcase(document, "test_skip").child("skipped").attribute("message").value(), "not on Linux");
  EXPECT_STREQ(testcase(document, "test_skip").child("skipped").attribute("type").value(), "pytest.skip");
}

TEST_F(JUnitTest, AmendedTestKeepsItsFigures) {
  const pugi::xml_document document = written(stormy_story());
  const pugi::xml_node amended = testcase(document, "test_teardown");
  EXPECT_STREQ(amended.child("error").attribute("message").value(), "teardown failed: OSError");
  EXPECT_EQ(property(amended, "fittest.verdict"), "error");
  EXPECT_EQ(property(amended, "fittest.peak_bytes"), std::to_string(MiB(2).value));
  EXPECT_EQ(document.select_nodes("//testcase[@name='test_teardown']").size(), 1U);
}

TEST_F(JUnitTest, LastVerdictCountsAndOrderIsThatOfTheTests) {
  const Story story = {Event{0, TestFinished{{}, 2, "a.py::c", Verdict::passed, 1, {}, {}, {}, {}}},
                       Event{0, TestFinished{{}, 0, "a.py::a", Verdict::failed, 1, {}, {}, {}, "first\x1b"}},
                       Event{0, TestFinished{{}, 0, "a.py::a", Verdict::passed, 1, {}, {}, {}, {}}},
                       Event{0, TestAmended{1, "a.py::b", Verdict::error, "it broke"}}, Event{1, RunFinished{}}};
  const pugi::xml_document document = written(story);
  EXPECT_EQ(invalid(), "");
  std::string names;
  for (const pugi::xml_node node : document.child("testsuites").child("testsuite").children("testcase")) {
    names += node.attribute("name").value();
  }
  EXPECT_EQ(names, "abc");
  EXPECT_FALSE(testcase(document, "a").child("failure"));
  EXPECT_STREQ(testcase(document, "b").child("error").attribute("message").value(), "it broke");
}

TEST_F(JUnitTest, TestsThatNeverRanLeaveNoHole) {
  const Story story = {Event{0, TestFinished{{}, 1, "a.py::b", Verdict::passed, 1, {}, {}, {}, {}}},
                       Event{0, TestFinished{{}, 9, "a.py::j", Verdict::passed, 1, {}, {}, {}, {}}},
                       Event{1, RunFinished{2, true, 1, {}, 0, {}}}};
  const pugi::xml_document document = written(story);
  EXPECT_EQ(invalid(), "");
  EXPECT_EQ(document.select_nodes("//testcase").size(), 2U);
  EXPECT_EQ(document.child("testsuites").child("testsuite").attribute("tests").as_int(), 2);
}

TEST_F(JUnitTest, AnyBytesGiveValidXml) {
  std::mt19937_64 random(17);
  Story story;
  for (TestIndex test = 0; test < 300; ++test) {
    const auto bytes = [&] {
      std::string out(random() % 60, '\0');
      for (char& c : out) c = random() % 2 == 0 ? "<>&'\"]:\n[-"[random() % 10] : static_cast<char>(random() % 256);
      return out;
    };
    story.emplace_back(Event{
        0, TestFinished{
               {}, test, bytes(), static_cast<Verdict>(random() % kVerdictCount), 1, MiB(1), {}, bytes(), bytes()}});
    if (random() % 3 == 0) {
      story.emplace_back(Event{0, TestAmended{test, "other", static_cast<Verdict>(random() % kVerdictCount), bytes()}});
    }
  }
  story.emplace_back(Event{1, RunFinished{}});
  const pugi::xml_document document = written(story);
  EXPECT_EQ(invalid(), "");
  EXPECT_EQ(document.select_nodes("//testcase").size(), 300U);
}

TEST_F(JUnitTest, HugeMessagesAreShortened) {
  const Story story = {
      Event{0, TestFinished{{}, 0, "a.py::a", Verdict::failed, 1, {}, {}, {}, std::string(30 << 20, 'x') + "end"}},
      Event{1, RunFinished{}}};
  const pugi::xml_document document = written(story);
  EXPECT_EQ(invalid(), "");
  EXPECT_THAT(testcase(document, "a").child("failure").child_value(), ::testing::EndsWith("end"));
}

TEST_F(JUnitTest, FileAppearsWholeAtTheEndAndNothingElseIsLeft) {
  std::filesystem::create_directories(path().parent_path());
  std::ofstream(path()) << "of the run before";
  {
    auto junit = JUnit::create(path());
    ASSERT_TRUE(junit);
    (*junit)->on({0, TestFinished{}});
    EXPECT_EQ(std::filesystem::file_size(path()), 17U);
  }
  std::ifstream in(path());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "of the run before");
  written(quiet_story());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path().parent_path()), {}), 1);
}

TEST_F(JUnitTest, SaysWhatCannotBeWritten) {
  std::ofstream(folder_.path() / "file") << "x";
  const auto below_a_file = JUnit::create(folder_.path() / "file" / "junit.xml");
  ASSERT_FALSE(below_a_file);
  EXPECT_THAT(below_a_file.error().text(), HasSubstr("junit.xml"));
  EXPECT_FALSE(JUnit::create(folder_.path()));

  auto junit = JUnit::create(path());
  ASSERT_TRUE(junit);
  std::filesystem::remove_all(path().parent_path());
  (*junit)->on({1, RunFinished{}});
  ASSERT_TRUE((*junit)->error());
  EXPECT_THAT((*junit)->error()->text(), HasSubstr("junit.xml"));
}

}  // namespace
}  // namespace fittest::report
