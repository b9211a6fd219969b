#include "history/durations_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>

#include "fixture.h"
#include "support/mutated.h"

namespace fittest::history {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class DurationsFile : public InFolder {
 protected:
  fs::path write(const std::string& text) {
    std::ofstream(file_, std::ios::binary) << text;
    return file_;
  }
  [[nodiscard]] std::string text() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Durations read(const std::string& text) {
    const auto found = read_durations(write(text));
    EXPECT_TRUE(found) << found.error().text();
    return found.value_or(Durations{});
  }
  // The error's "line: what"; an empty text where there is none.
  std::string problem(const std::string& text) {
    const auto found = read_durations(write(text));
    if (found) return "";
    EXPECT_THAT(found.error().remedy, HasSubstr("--store-durations"));
    EXPECT_THAT(found.error().where, HasSubstr(file_.string() + ":"));
    return found.error().where.substr(file_.string().size() + 1) + ": " + found.error().what;
  }

  fs::path file_ = folder_ / ".test_durations";
};

TEST_F(DurationsFile, ThatIsNotThereKnowsNothing) {
  const auto found = read_durations(folder_ / "none");
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, IsEmpty());
}

TEST_F(DurationsFile, IsReadInBothItsShapes) {
  EXPECT_THAT(read("{\"a::t\": 1.5, \"b::t[\\u00e9]\": 2}"), ElementsAre(Pair("a::t", 1.5), Pair("b::t[é]", 2)));
  EXPECT_THAT(read("[[\"a::t\", 1.5],\n [\"b::t\", 1e-05]]"), ElementsAre(Pair("a::t", 1.5), Pair("b::t", 1e-05)));
  EXPECT_THAT(read("{}"), IsEmpty());
  EXPECT_THAT(read("[]"), IsEmpty());
  EXPECT_THAT(read("{\"a\": 1, \"a\": 2, \"b\": -1, \"c\": -3.5}"), ElementsAre(Pair("a", 2)));
}

TEST_F(DurationsFile, SaysInWhichLineItIsWrong) {
  EXPECT_THAT(problem(""), HasSubstr("1: no valid JSON"));
  EXPECT_THAT(problem("{\"a\": 1,\n\"b\": 2,\n  oops}"), HasSubstr("3: no valid JSON: syntax error"));
  EXPECT_EQ(problem("{\"a\": 1,\n\"b\": \"2\"}"), "2: a text where the seconds of 'b' should be");
  EXPECT_EQ(problem("{\n\n\"b\":\n null}"), "3: null where the seconds of 'b' should be");
  EXPECT_EQ(problem("{\"b\": {\"c\": 1}}"), "1: an object where the seconds of 'b' should be");
  EXPECT_EQ(problem("{\"b\": [1]}"), "1: a list where the seconds of 'b' should be");
  EXPECT_EQ(problem("[[\"a\", 1],\n[\"b\"]]"), "2: a list that is no pair of a test id and seconds");
  EXPECT_EQ(problem("[[\"a\", 1, \"b\"]]"), "1: a list that is no pair of a test id and seconds");
  EXPECT_EQ(problem("[\"a\", 1]"), "1: a text where a test id should be");
  EXPECT_EQ(problem("17"), "1: a number where a test id should be");
  EXPECT_THAT(problem("{\"a\": NaN}"), HasSubstr("1: no valid JSON"));
  EXPECT_EQ(problem("{\"a\": 1e999}"), "1: no valid JSON: number overflow parsing '1e999'");
  EXPECT_THAT(problem("<<<<<<< ours\n{}"), HasSubstr("1: no valid JSON"));
}

TEST_F(DurationsFile, IsWrittenAsPythonWritesIt) {
  ASSERT_TRUE(store_durations(file_, {{"b::t", 0.5}, {"a::t[é\"\n]", 1}, {"a::t[\xF0\x9F\x98\x80]", 1e-05}},
                              OldDurations::keep));
  EXPECT_EQ(text(),
            "{\n    \"a::t[\\u00e9\\\"\\n]\": 1.0,\n    \"a::t[\\ud83d\\ude00]\": 1e-05,\n    \"b::t\": 0.5\n}");
}

TEST_F(DurationsFile, HoldsNamesThatAreNotUtf8AsPythonDoes) {
  const Durations odd = {{"dir\xFF/a.py::t", 1}, {"\x80", 2}, {"\\udcff", 3}, {"\xF4\x8F\xBF\xBF", 4}};
  ASSERT_TRUE(store_durations(file_, odd, OldDurations::keep));
  EXPECT_THAT(text(), HasSubstr("\"dir\\udcff/a.py::t\": 1.0"));
  EXPECT_THAT(text(), HasSubstr("\"\\\\udcff\": 3.0"));
  EXPECT_EQ(read_durations(file_).value(), odd);
  EXPECT_THAT(read("{\"\\uDCFF\\\\udcff\": 1}"), ElementsAre(Pair("\xFF\\udcff", 1)));
}

TEST_F(DurationsFile, KeepsWhatWasNotRunUnlessTold) {
  write("{\"old\": 1, \"both\": 2}");
  const Durations measured = {
      {"both", 3}, {"new", 4}, {"negative", -1}, {"endless", std::numeric_limits<double>::infinity()}};
  ASSERT_TRUE(store_durations(file_, measured, OldDurations::keep));
  EXPECT_THAT(read_durations(file_).value(), ElementsAre(Pair("both", 3), Pair("new", 4), Pair("old", 1)));
  ASSERT_TRUE(store_durations(file_, {{"new", 5}}, OldDurations::drop));
  EXPECT_THAT(read_durations(file_).value(), ElementsAre(Pair("new", 5)));
  ASSERT_TRUE(store_durations(file_, {}, OldDurations::drop));
  EXPECT_EQ(text(), "{}");
}

TEST_F(DurationsFile, ThatCannotBeUnderstoodIsLeftAsItIs) {
  write("precious");
  EXPECT_FALSE(store_durations(file_, {{"a", 1}}, OldDurations::keep));
  EXPECT_EQ(text(), "precious");
  EXPECT_TRUE(store_durations(file_, {{"a", 1}}, OldDurations::drop));
}

TEST_F(DurationsFile, KeepsPermissionsAndLinks) {
  const fs::path shared = folder_ / "shared.json";
  fs::create_symlink("shared.json", file_);
  ASSERT_TRUE(store_durations(file_, {{"a", 1}}, OldDurations::keep));
  EXPECT_TRUE(fs::is_symlink(file_));
  ::chmod(shared.c_str(), 0640);
  ASSERT_TRUE(store_durations(file_, {{"b", 1}}, OldDurations::keep));
  EXPECT_TRUE(fs::is_symlink(file_));
  EXPECT_EQ(static_cast<unsigned>(fs::status(shared).permissions()), 0640U);
  EXPECT_EQ(read_durations(shared).value().size(), 2);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2) << "nothing unfinished is left";
}

TEST_F(DurationsFile, WhereNothingCanBeWrittenIsAnError) {
  fs::create_directory(file_);
  const auto read = read_durations(file_);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().text(), HasSubstr(file_.string() + ": is a folder"));
  const auto stored = store_durations(file_, {{"a", 1}}, OldDurations::drop);
  ASSERT_FALSE(stored);
  EXPECT_THAT(stored.error().text(), HasSubstr(file_.string()));
}

TEST_F(DurationsFile, OfMutatedTextIsReadOrRefused) {
  std::mt19937_64 random(1);
  ASSERT_TRUE(store_durations(file_, {{"a.py::t[1]", 1.5}, {"b\xFF.py::t", 2}, {"c", 1e-7}}, OldDurations::drop));
  const std::string valid = text();
  for (int round = 0; round < 3000; ++round) {
    const std::string whole = round % 2 == 0 ? valid : "[[\"a\", 1.5],\n [\"b\", 2]]";
    const std::string garbage = mutated(whole, random, "{}[]\",:-9e.\\\nud");
    const auto found = read_durations(write(garbage));
    if (!found) {
      EXPECT_THAT(found.error().where, HasSubstr(":"));
      continue;
    }
    for (const auto& [id, seconds] : *found) EXPECT_GE(seconds, 0) << id;
  }
}

}  // namespace
}  // namespace fittest::history
