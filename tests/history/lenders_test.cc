#include "history/lenders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace fittest::history {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> groups_of(std::string_view id) {
  std::vector<std::string> groups;
  for_each_group(id, [&](std::string_view group) { groups.emplace_back(group); });
  return groups;
}

struct Lent {
  std::string id;
  std::optional<Bytes> peak;
  Seconds duration = 1;
};

plan::Prediction borrowed(const std::string& id, std::vector<Lent> known) {
  std::ranges::sort(known, {}, &Lent::id);
  Lenders lenders;
  lenders.want(id);
  for (const Lent& test : known) lenders.lend(test.id, test.peak, test.duration);
  lenders.settle();
  return lenders.borrow(id);
}

TEST(Groups, GoFromTheFunctionToTheFile) {
  EXPECT_THAT(groups_of("t/a.py::T::U::test_x[1]"),
              ElementsAre("t/a.py::T::U::test_x", "t/a.py::T::U", "t/a.py::T", "t/a.py"));
  EXPECT_THAT(groups_of("a.py::test_x"), ElementsAre("a.py"));
  EXPECT_THAT(groups_of("core_test::Parser.Empty"), ElementsAre("core_test"));
  EXPECT_THAT(groups_of("a.txt"), IsEmpty());
  EXPECT_THAT(groups_of(""), IsEmpty());
}

TEST(Groups, ColonsAndBracketsInParametersAndFoldersAreNoBorders) {
  EXPECT_THAT(groups_of("a.py::test_x[b::c[d]]"), ElementsAre("a.py::test_x", "a.py"));
  EXPECT_THAT(groups_of("t[1]/a.py::test_x"), ElementsAre("t[1]/a.py"));
  EXPECT_THAT(groups_of("t[1]/a.py::test_x[2]"), ElementsAre("t[1]/a.py::test_x", "t[1]/a.py"));
  EXPECT_THAT(groups_of("[]"), IsEmpty());
}

TEST(Lenders, WithoutAnyTheAnswerIsThePrior) {
  const auto prediction = borrowed("a.py::test", {});
  EXPECT_EQ(prediction.peak, kPriorPeak);
  EXPECT_EQ(prediction.duration, kPriorDuration);
  EXPECT_FALSE(prediction.known);
  EXPECT_EQ(Lenders().borrow("x").peak, kPriorPeak);
}

TEST(Lenders, TheNarrowestGroupThatHasAnyLends) {
  std::vector<Lent> known = {{"b.py::test", MiB(500), 5}};
  EXPECT_EQ(borrowed("a.py::T::test_x[9]", known).peak, MiB(500)) << "the suite";
  known.push_back({"a.py::test", MiB(40), 4});
  EXPECT_EQ(borrowed("a.py::T::test_x[9]", known).peak, MiB(40)) << "the file";
  known.push_back({"a.py::T::test", MiB(30), 3});
  EXPECT_EQ(borrowed("a.py::T::test_x[9]", known).peak, MiB(30)) << "the class";
  known.push_back({"a.py::T::test_x[1]", MiB(20), 2});
  EXPECT_EQ(borrowed("a.py::T::test_x[9]", known).peak, MiB(20)) << "the function";
  EXPECT_EQ(borrowed("a.py::T::test_x[9]", known).duration, 2);
  EXPECT_EQ(borrowed("a.py::T::test_y", known).peak, MiB(30)) << "the class's upper quartile";
}

TEST(Lenders, AFunctionThatHasGotParametersBorrowsFromItselfWithout) {
  const std::vector<Lent> known = {{"a.py::test_x", MiB(20)}, {"a.py::test_xy", MiB(99)}, {"a.py::test_Z", MiB(70)}};
  EXPECT_EQ(borrowed("a.py::test_x[1]", known).peak, MiB(20));
}

TEST(Lenders, TestsWhoseNamesBeginAlikeAreNoRelatives) {
  const std::vector<Lent> known = {{"a.py::test_xy[1]", MiB(90)}, {"a.pyx::test_x[1]", MiB(80)}};
  EXPECT_EQ(borrowed("a.py::test_x[1]", known).peak, MiB(90)) << "by the file, not the function";
  EXPECT_EQ(borrowed("a.p::test", known).peak, MiB(90)) << "by the suite";
}

TEST(Lenders, WhereAGroupHasNoPeakTheNextWiderLendsIt) {
  const std::vector<Lent> known = {{"a.py::T::test", std::nullopt, 3}, {"a.py::test", MiB(40), 9}};
  const auto prediction = borrowed("a.py::T::new", known);
  EXPECT_EQ(prediction.peak, MiB(40));
  EXPECT_EQ(prediction.duration, 3);
}

TEST(Lenders, ThePriorOfASuiteShrinksAsTestsBecomeKnown) {
  std::vector<Lent> known;
  Bytes before = kPriorPeak;
  for (int count = 1; count <= 1000; ++count) {
    known.push_back({"b.py::test_" + std::to_string(count), MiB(2), 0.01});
    if (count % 100 != 1) continue;
    const auto prediction = borrowed("a.py::test", known);
    EXPECT_LT(prediction.peak, before);
    EXPECT_GT(prediction.peak, MiB(2));
    EXPECT_LT(prediction.duration, kPriorDuration);
    before = prediction.peak;
  }
  EXPECT_LT(before, MiB(3));
}

// Against the rule written down plainly: the quartile of all known tests that share a group, the narrowest first.
TEST(Lenders, AgreeWithThePlainRuleOnRandomSuites) {
  std::mt19937_64 random(4);
  const auto pick = [&](std::initializer_list<const char*> words) {
    return *(words.begin() + random() % words.size());
  };
  const auto random_id = [&] {
    return std::string(pick({"a.py", "a.pyx", "b/a.py"})) + pick({"", "::T", "::T::U", "::TU"}) +
           pick({"::x", "::xy", "::Z"}) + pick({"[1]", "[2]", "[1::T]", "[]", "[3]"});
  };
  for (int i = 0; i < 500; ++i) {
    std::map<std::string, Lent> known;
    for (std::uint64_t n = random() % 30 + 1; n > 0; --n) {
      const std::string id = random_id();
      known[id] = {id, MiB(random() % 1000 + 100), static_cast<double>(random() % 100)};
    }
    std::vector<std::string> wanted;
    for (int n = 0; n < 10; ++n) wanted.push_back(random_id());
    Lenders lenders;
    for (const auto& id : wanted) lenders.want(id);
    for (const auto& [id, test] : known) lenders.lend(id, test.peak, test.duration);
    lenders.settle();
    for (const auto& id : wanted) {
      std::vector<std::string> groups = groups_of(id);
      std::vector<Bytes> peaks;
      for (std::size_t at = 0; at <= groups.size() && peaks.empty(); ++at) {
        for (const auto& [lender, test] : known) {
          const auto theirs = groups_of(lender);
          if (at == groups.size() || std::ranges::find(theirs, groups[at]) != theirs.end()) peaks.push_back(*test.peak);
        }
      }
      std::ranges::sort(peaks);
      EXPECT_EQ(lenders.borrow(id).peak, peaks[(peaks.size() * 3 + 3) / 4 - 1]) << id;
    }
  }
}

}  // namespace
}  // namespace fittest::history
