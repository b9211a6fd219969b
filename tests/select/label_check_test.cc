#include "select/label_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "suite.h"

namespace fittest::select {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Facts held(std::uint64_t mib, Verdict last = Verdict::passed) {
  return {true, MiB(mib), {}, 0.1, 1, last};
}

struct Checked {
  LabelCheck check;
  MarkChanges changes;
};

Checked check(const SmallSuite& suite, const std::string& meaning = "peak > 100MB") {
  const MeasuredLabel label{"heavy", Expression::parse(meaning, "fittest.toml:1").value()};
  std::vector<TestIndex> heavy;
  const std::vector<bool> meant = label.meaning.match(suite.tests, suite.facts);
  for (TestIndex test = 0; test < meant.size(); ++test) {
    if (meant[test]) heavy.push_back(test);
  }
  Checked out{check_label(label, heavy, suite.tests, suite.facts), {}};
  out.changes = mend(out.check, label, heavy, suite.tests);
  return out;
}

TEST(LabelCheck, FindsBothKindsOfMistakes) {
  SmallSuite suite;
  suite.add("a.py::test_right", {"heavy"}, held(200));
  suite.add("a.py::test_light", {"slow", "heavy"}, held(3));
  suite.add("a.py::test_heavy", {"slow"}, held(101));
  suite.add("a.py::test_small", {}, held(100));
  const auto [found, changes] = check(suite);
  EXPECT_FALSE(found.agrees());
  EXPECT_EQ(found.written, 2U);
  EXPECT_EQ(found.unmeasured, 0U);
  EXPECT_THAT(found.marked_but_light, ElementsAre(1));
  EXPECT_THAT(found.unmarked_but_heavy, ElementsAre(2));
  ASSERT_EQ(changes.add.size(), 1U);
  EXPECT_EQ(changes.add[0].test, "a.py::test_heavy");
  EXPECT_EQ(changes.add[0].label, "heavy");
  ASSERT_EQ(changes.remove.size(), 1U);
  EXPECT_EQ(changes.remove[0].test, "a.py::test_light");
}

TEST(LabelCheck, BlamesNoTestThatWasNotMeasured) {
  SmallSuite suite;
  suite.add("a.py::test_new", {"heavy"});
  suite.add("a.py::test_skipped", {"heavy"}, held(0, Verdict::skipped));
  suite.add("a.py::test_killed", {"heavy"}, held(50, Verdict::not_run));
  suite.add("a.py::test_other", {});
  const auto [found, changes] = check(suite);
  EXPECT_TRUE(found.agrees());
  EXPECT_EQ(found.unmeasured, 4U);
  EXPECT_THAT(changes.add, IsEmpty());
  EXPECT_THAT(changes.remove, IsEmpty());
}

TEST(LabelCheck, WhatIsHeavyIsSoWhateverItsLastVerdict) {
  SmallSuite suite;
  suite.add("a.py::test_skipped", {}, held(300, Verdict::skipped));
  suite.add("a.py::test_killed", {}, held(300, Verdict::not_run));
  EXPECT_THAT(check(suite).check.unmarked_but_heavy, ElementsAre(0, 1));
  EXPECT_EQ(check(suite).check.unmeasured, 0U);
}

TEST(LabelCheck, ALabelThatAsksNoHistoryNeedsNone) {
  SmallSuite suite;
  suite.add("stress/a.py::test_x", {});
  suite.add("unit/a.py::test_x", {"heavy"});
  const auto found = check(suite, "file(stress)").check;
  EXPECT_EQ(found.unmeasured, 0U);
  EXPECT_THAT(found.unmarked_but_heavy, ElementsAre(0));
  EXPECT_THAT(found.marked_but_light, ElementsAre(1));
}

TEST(LabelCheck, AFunctionIsJudgedAsAWhole) {
  SmallSuite suite;
  suite.add("a.py::test_some[1]", {"heavy"}, held(1));
  suite.add("a.py::test_some[200]", {"heavy"}, held(200));
  suite.add("a.py::test_none[1]", {"heavy"}, held(1));
  suite.add("a.py::test_none[2::x]", {"heavy"}, held(2));
  suite.add("a.py::test_unsure[1]", {"heavy"}, held(1));
  suite.add("a.py::test_unsure[2]", {"heavy"});
  suite.add("a.py::test_missing[1]", {}, held(1));
  suite.add("a.py::test_missing[200]", {}, held(200));
  suite.add("a.py::test_missing[300]", {}, held(300));
  const auto [found, changes] = check(suite);
  EXPECT_THAT(found.marked_but_light, ElementsAre(2, 3));
  EXPECT_THAT(found.unmarked_but_heavy, ElementsAre(7, 8));
  EXPECT_EQ(found.unmeasured, 1U);
  ASSERT_EQ(changes.remove.size(), 1U);
  EXPECT_EQ(changes.remove[0].test, "a.py::test_none");
  ASSERT_EQ(changes.add.size(), 1U);
  EXPECT_EQ(changes.add[0].test, "a.py::test_missing");
  EXPECT_EQ(changes.add[0].heavy, 2U);
  EXPECT_EQ(changes.add[0].tests, 3U);
}

// Once the changes are made, there is nothing left to say: else a check in CI could never pass.
TEST(LabelCheck, IsContentWithWhatItAskedFor) {
  SmallSuite before;
  before.add("a.py::test_some[1]", {}, held(1));
  before.add("a.py::test_some[200]", {}, held(200));
  before.add("a.py::test_light", {"heavy"}, held(3));
  const MarkChanges changes = check(before).changes;
  SmallSuite after;
  for (TestIndex test = 0; test < before.tests.size(); ++test) {
    const std::string id(before.tests.id(test));
    const bool is_added = !changes.add.empty() && id.starts_with(changes.add[0].test);
    after.add(id, is_added ? std::vector<std::string>{"heavy"} : std::vector<std::string>{}, before.facts[test]);
  }
  EXPECT_TRUE(check(after).check.agrees());
}

}  // namespace
}  // namespace fittest::select
