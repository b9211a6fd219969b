#include "select/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "suite.h"

namespace fittest::select {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SmallSuite suite() {
  SmallSuite suite;
  suite.add("tests/unit/test_a.py::test_one", {"unit"}, {true, MiB(5), KiB(3), 0.01, 4, Verdict::passed});
  suite.add("tests/unit/test_a.py::TestB::TestC::test_two[1-x]", {"unit", "slow"},
            {true, MiB(200), MiB(20), 3, 1, Verdict::failed, MiB(2)});
  suite.add("tests/unit/test_a.py::TestB::test_two[a b::c]", {"memory_intensive"},
            {true, MiB(100), MiB(10), 2, 2, Verdict::crashed});
  suite.add("tests/stress/test_\u00e9.py::test_three", {"stress", "memory_intensive"});
  suite.add("alone", {});
  return suite;
}

std::vector<std::size_t> meant(const std::string& text) {
  const auto expression = Expression::parse(text, "-E");
  if (!expression) {
    ADD_FAILURE() << expression.error().text();
    return {};
  }
  const SmallSuite all = suite();
  const std::vector<bool> is_meant = expression->match(all.tests, all.facts);
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < is_meant.size(); ++i) {
    if (is_meant[i]) out.push_back(i);
  }
  return out;
}

TEST(Expression, TakesWhatPytestTakes) {
  EXPECT_THAT(meant("unit"), ElementsAre(0, 1));
  EXPECT_THAT(meant("unit and not slow"), ElementsAre(0));
  EXPECT_THAT(meant("unit and not memory_intensive and not slow"), ElementsAre(0));
  EXPECT_THAT(meant("not slow and not memory_intensive"), ElementsAre(0, 4));
  EXPECT_THAT(meant("not (unit or stress)"), ElementsAre(2, 4));
  EXPECT_THAT(meant("not not unit"), ElementsAre(0, 1));
  EXPECT_THAT(meant("(((unit)))and(slow)"), ElementsAre(1));
  EXPECT_THAT(meant("uni"), IsEmpty());
  EXPECT_THAT(meant("no-such.label[1]:2+3"), IsEmpty());
  EXPECT_THAT(meant("peak"), IsEmpty());  // a label of that name, which no test has
}

TEST(Expression, NotBindsBeforeAndBeforeOr) {
  EXPECT_THAT(meant("stress or unit and slow"), ElementsAre(1, 3));
  EXPECT_THAT(meant("(stress or unit) and slow"), ElementsAre(1));
  EXPECT_THAT(meant("not unit and stress or slow"), ElementsAre(1, 3));
  EXPECT_THAT(meant("not (unit and slow)"), ElementsAre(0, 2, 3, 4));
}

TEST(Expression, Labels) {
  EXPECT_THAT(meant("label(unit)"), ElementsAre(0, 1));
  EXPECT_THAT(meant("label(*s*)"), ElementsAre(1, 2, 3));
  EXPECT_THAT(meant("label( 's?ow' )"), ElementsAre(1));
  EXPECT_THAT(meant("label(/^s/)"), ElementsAre(1, 3));
}

TEST(Expression, PartsOfAnId) {
  EXPECT_THAT(meant("name(test_one)"), ElementsAre(0));
  EXPECT_THAT(meant("name(test_two)"), ElementsAre(1, 2));
  EXPECT_THAT(meant("name(test_two[1-x])"), ElementsAre(1));
  EXPECT_THAT(meant("name('test_two[a b::c]')"), ElementsAre(2));
  EXPECT_THAT(meant(R"(name("test_two[a b*"))"), ElementsAre(2));
  EXPECT_THAT(meant("name(/two$|^alone/)"), ElementsAre(1, 2, 4));
  EXPECT_THAT(meant("name(one)"), IsEmpty());
  EXPECT_THAT(meant("file(tests/unit/test_a.py)"), ElementsAre(0, 1, 2));
  EXPECT_THAT(meant("file(tests)"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(meant("file(./tests/unit/)"), ElementsAre(0, 1, 2));
  EXPECT_THAT(meant("file(tests/un)"), IsEmpty());
  EXPECT_THAT(meant("file(*/str*)"), ElementsAre(3));
  EXPECT_THAT(meant("file(*/test_?.py)"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(meant("file(/tests/(unit|other)/.*\\.py/)"), ElementsAre(0, 1, 2));
  EXPECT_THAT(meant("file(*)"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(meant("class(TestC)"), ElementsAre(1));
  EXPECT_THAT(meant("class(TestB)"), ElementsAre(2));
  EXPECT_THAT(meant("class(TestB::TestC)"), ElementsAre(1));
  EXPECT_THAT(meant("class(*)"), ElementsAre(1, 2));
  EXPECT_THAT(meant("id(alone)"), ElementsAre(4));
  EXPECT_THAT(meant("id(tests/unit/test_a.py::TestB)"), ElementsAre(1, 2));
  EXPECT_THAT(meant("id(tests/unit/test_a.py::TestB::test_two)"), ElementsAre(2));
  EXPECT_THAT(meant("id(/::test_t/)"), ElementsAre(1, 2, 3));
}

TEST(Expression, Measurements) {
  EXPECT_THAT(meant("peak > 100MB"), ElementsAre(1));
  EXPECT_THAT(meant("peak >= 100 MB"), ElementsAre(1, 2));
  EXPECT_THAT(meant("peak<100MiB"), ElementsAre(0));
  EXPECT_THAT(meant("peak <= 0.1G"), ElementsAre(0, 2));
  EXPECT_THAT(meant("peak == 5m"), ElementsAre(0));
  EXPECT_THAT(meant("peak != 5m"), ElementsAre(1, 2));
  EXPECT_THAT(meant("heap_peak > 0"), ElementsAre(1));
  EXPECT_THAT(meant("heap_peak <= 2MB"), ElementsAre(1));
  EXPECT_THAT(meant("not heap_peak > 1GB"), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(meant("retained >= 10MB and peak > 0"), ElementsAre(1, 2));
  EXPECT_THAT(meant("duration > 2"), ElementsAre(1));
  EXPECT_THAT(meant("duration >= 2000 ms"), ElementsAre(1, 2));
  EXPECT_THAT(meant("duration < 1min"), ElementsAre(0, 1, 2));
  EXPECT_THAT(meant("runs < 3"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(meant("runs == 0"), ElementsAre(3, 4));
  EXPECT_THAT(meant("failed(last)"), ElementsAre(1, 2));
  EXPECT_THAT(meant("failed( )"), ElementsAre(1, 2));
  EXPECT_THAT(meant("verdict(crashed)"), ElementsAre(2));
  EXPECT_THAT(meant("verdict(not_run)"), IsEmpty());
  EXPECT_THAT(meant("unknown()"), ElementsAre(3, 4));
  EXPECT_THAT(meant("all()"), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(meant("none()"), IsEmpty());
}

TEST(Expression, TellsWhatItAsks) {
  const auto expression =
      Expression::parse("unit and (\u00e9\u00e9 or label(mem*)) and label(/x/)", "fittest.toml:3").value();
  ASSERT_EQ(expression.labels().size(), 4U);
  EXPECT_EQ(expression.labels()[0].name, "unit");
  EXPECT_EQ(expression.labels()[0].column, 1U);
  EXPECT_FALSE(expression.labels()[1].is_pattern);
  EXPECT_EQ(expression.labels()[2].name, "mem*");
  EXPECT_EQ(expression.labels()[2].column, 23U);
  EXPECT_TRUE(expression.labels()[2].is_pattern);
  EXPECT_EQ(expression.labels()[3].name, "x");
  EXPECT_TRUE(expression.asks_label("memory"));
  EXPECT_FALSE(expression.asks_label("units"));
  EXPECT_FALSE(expression.asks_history());
  EXPECT_THAT(expression.facts(), IsEmpty());
  EXPECT_EQ(expression.where(), "fittest.toml:3");
  EXPECT_THAT(Expression::parse("duration > 2 and (peak > 1M or failed() or duration < 1h) or retained > 0", "-E")
                  .value()
                  .facts(),
              ElementsAre(Expression::Fact::duration, Expression::Fact::peak, Expression::Fact::verdict,
                          Expression::Fact::retained));
  for (const char* text : {"peak > 1B", "runs < 3", "failed()", "unknown() or unit", "not verdict(passed)"}) {
    EXPECT_TRUE(Expression::parse(text, "-E").value().asks_history()) << text;
  }
}

std::string refusal(const std::string& text) {
  const auto expression = Expression::parse(text, "-E");
  EXPECT_FALSE(expression) << text;
  return expression ? "" : expression.error().text();
}

TEST(ExpressionErrors, ShowTheColumnAndWhatWasMeant) {
  EXPECT_EQ(refusal("unit and duraton > 2s"),
            "-E, column 10: expected a fact before the comparison, found 'duraton'\n"
            "    unit and duraton > 2s\n"
            "             ^\n"
            "  -> did you mean 'duration'?");
  EXPECT_EQ(refusal("peak > 100"),
            "-E, column 8: '100' has no unit\n"
            "    peak > 100\n"
            "           ^\n"
            "  -> write 100B, 100KB, 100MB or 100GB (units of 1024)");
  EXPECT_EQ(refusal("(unit or slow"),
            "-E, column 14: expected 'and', 'or' or ')', found the end\n"
            "    (unit or slow\n"
            "                 ^");
  EXPECT_EQ(refusal("unit slow"),
            "-E, column 6: expected 'and', 'or' or the end, found 'slow'\n"
            "    unit slow\n"
            "         ^");
  EXPECT_EQ(refusal("marker(key=value)"),
            "-E, column 1: expected a function, found 'marker'\n"
            "    marker(key=value)\n"
            "    ^\n"
            "  -> a label stands without arguments: marker, or label(marker); the functions are label, name, file, "
            "class, id, failed, verdict, unknown, all, none");
  EXPECT_EQ(refusal("name(/a(b/)"),
            "-E, column 7: not a regular expression: missing ): a(b\n"
            "    name(/a(b/)\n"
            "          ^\n"
            "  -> the syntax is RE2's; a backslash before a character makes it mean itself");
  EXPECT_EQ(refusal(""),
            "-E, column 1: expected a label, a function, a comparison or '(', found the end\n"
            "    \n"
            "    ^\n"
            "  -> write all() for every test");
}

TEST(ExpressionErrors, ColumnsCountCharacters) {
  EXPECT_EQ(refusal("\u00e9\u65e5 and\tand\n"),
            "-E, column 8: expected a label, a function, a comparison or '(', found 'and'\n"
            "    \u00e9\u65e5 and and \n"
            "           ^");
  EXPECT_THAT(refusal("a and \xff\x01"), HasSubstr("column 8: expected 'and', 'or' or the end, found ' '"));
}

TEST(ExpressionErrors, CutLongTextsAroundTheColumn) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "label_" + std::to_string(i) + " and ";
  const std::string error = refusal(text + "& " + text + "x");
  EXPECT_EQ(error,
            "-E, column 641: expected a label, a function, a comparison or '(', found '&'\n"
            "    ...6 and label_47 and label_48 and label_49 and & label_0 and label_1 and label_2 and label_3...\n"
            "                                                    ^\n"
            "  -> did you mean 'and'?");
}

TEST(ExpressionErrors, NameTheRemedy) {
  const auto expect = [](const std::string& text, const std::string& column, const std::string& part) {
    const std::string error = refusal(text);
    EXPECT_THAT(error, HasSubstr("column " + column + ":"));
    EXPECT_THAT(error, HasSubstr(part));
  };
  expect("unit & slow", "6", "did you mean 'and'?");
  expect("unit AND slow", "6", "did you mean 'and'?");
  expect("!unit", "1", "did you mean 'not'?");
  expect("peak = 3MB", "6", "did you mean '=='?");
  expect("peak => 3MB", "6", "did you mean '>='?");
  expect("100MB < peak", "1", "write the fact first: peak > 100MB");
  expect("peak >", "7", "for example peak > 100MB");
  expect("peak > 3XB", "8", "unknown unit 'xb'");
  expect("peak > -3MB", "8", "it is negative");
  expect("duration > 2 days", "14", "expected 'and', 'or' or the end, found 'days'");
  expect("duration > soon", "12", "write a duration as 500ms, 2s, 1.5min or 1h");
  expect("runs > 1.5", "8", "write a whole number: runs < 3");
  expect("peak(100MB)", "1", "peak is compared: peak > 100MB");
  expect("lable(x)", "1", "did you mean 'label'?");
  expect("verdict(crash)", "9", "did you mean 'crashed'?");
  expect("verdict()", "9", "the verdicts are passed, failed");
  expect("failed(first)", "8", "write failed(last)");
  expect("unknown(x)", "9", "unknown() takes no argument");
  expect("label()", "7", "for example label(*memory*)");
  expect("label('')", "7", "for example label(*memory*)");
  expect("name(a b)", "8", "write what holds spaces, commas, quotes or parentheses in quotes: name(\"...\")");
  expect("label(a,b)", "8", "in quotes");
  expect("name('a", "6", "expected a closing ', found the end");
  expect("name(/a", "6", "expected '/)' at the end of this regular expression");
  expect("/a/", "1", "a regular expression stands in a function");
  expect("'unit'", "1", "quotes stand in a function");
  expect("name(a", "7", "expected ')', found the end");
  expect("unit)", "5", "expected 'and', 'or' or the end, found ')'");
  expect("()", "2", "expected a label");
}

TEST(ExpressionErrors, DeepNestingIsRefused) {
  EXPECT_THAT(refusal(std::string(100'000, '(')), HasSubstr("column 201: more than 200 parentheses"));
  const std::string deep = std::string(200, '(') + "unit" + std::string(200, ')');
  EXPECT_THAT(meant(deep), ElementsAre(0, 1));
}

TEST(Expression, LongIsNotDeep) {
  std::string text = "unit";
  for (int i = 0; i < 100'000; ++i) text += i % 2 == 0 ? " and unit" : " or none()";
  EXPECT_THAT(meant(text), ElementsAre(0, 1));
  std::string negated;
  for (int i = 0; i < 100'001; ++i) negated += "not ";
  EXPECT_THAT(meant(negated + "unit"), ElementsAre(2, 3, 4));
}

std::vector<MeasuredLabel> labels(const std::vector<std::pair<std::string, std::string>>& texts) {
  std::vector<MeasuredLabel> out;
  for (const auto& [name, text] : texts) {
    out.push_back({name, Expression::parse(text, "fittest.toml:" + std::to_string(out.size() + 1)).value()});
  }
  return out;
}

TEST(MeasuredLabels, ComeAfterThoseTheyAreMadeOf) {
  const auto sorted = in_order(labels(
      {{"worst", "heavy and long"}, {"heavy", "peak > 1G"}, {"any", "label(h*) or worst"}, {"long", "duration > 1h"}}));
  ASSERT_TRUE(sorted);
  std::vector<std::string> names;
  for (const auto& label : *sorted) names.push_back(label.name);
  EXPECT_THAT(names, ElementsAre("heavy", "long", "worst", "any"));
}

TEST(MeasuredLabels, OfThemselvesAreRefused) {
  EXPECT_EQ(in_order(labels({{"x", "all()"}, {"a", "b"}, {"b", "not c"}, {"c", "x or b"}})).error().text(),
            "fittest.toml:3: label 'b' is made of itself: b -> c -> b\n"
            "  -> let one of them say what it measures instead");
  EXPECT_EQ(in_order(labels({{"heavy", "label(h*)"}})).error().what, "label 'heavy' is made of itself: heavy -> heavy");
}

TEST(MeasuredLabels, AreNotWithoutNumber) {
  EXPECT_TRUE(in_order({}));
  std::vector<std::pair<std::string, std::string>> chain;
  for (int i = 0; i < 1000; ++i) chain.emplace_back("l" + std::to_string(i), "l" + std::to_string(i + 1));
  EXPECT_EQ(in_order(labels(chain)).value().front().name, "l999");
  chain.emplace_back("l1000", "all()");
  EXPECT_FALSE(in_order(labels(chain)));
}

}  // namespace
}  // namespace fittest::select
