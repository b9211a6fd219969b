#include "merge/splits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runs.h"

namespace fittest::merge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::vector<Part> kParts = {{"pytest", ""}};

TEST(Splits, AllGroupsThere) {
  const auto found = check_splits({RunBuilder(1, {}).group(1, 2), RunBuilder(2, {}).group(2, 2)}, kParts, {});
  EXPECT_THAT(found.lost, IsEmpty());
  EXPECT_THAT(found.unequal, IsEmpty());
}

TEST(Splits, AGroupWithoutARunIsNamed) {
  EXPECT_THAT(check_splits({RunBuilder(1, {}).group(1, 4), RunBuilder(2, {}).group(4, 4)}, kParts, {}).lost,
              ElementsAre("group 2 of 4 has no run", "group 3 of 4 has no run"));
  EXPECT_THAT(
      check_splits({RunBuilder(1, {}).group(1, 2).chunk("unit").variant("py3.12")}, {{"pytest", "py3.12"}}, {}).lost,
      ElementsAre("group 2 of 2 of unit, py3.12 has no run"));
}

TEST(Splits, RunsWithoutASplitSayNothing) {
  const auto found = check_splits({RunBuilder(1, {}).chunk("x"), RunBuilder(2, {})}, kParts, {});
  EXPECT_THAT(found.lost, IsEmpty());
  EXPECT_THAT(found.unequal, IsEmpty());
}

TEST(Splits, DifferentInputsAreNamed) {
  const auto found = check_splits(
      {RunBuilder(1, {}).group(1, 3, "f"), RunBuilder(2, {}).group(2, 3, "g"), RunBuilder(3, {}).group(3, 3, "f")},
      kParts, {});
  ASSERT_THAT(found.unequal, SizeIs(1));
  EXPECT_THAT(found.unequal[0], HasSubstr("the 3 groups were not cut from the same tests and durations (1 and 3 | 2)"));
}

TEST(Splits, OnlyTheLastAttemptAtAGroupIsCompared) {
  const auto found = check_splits({RunBuilder(1, {}).group(1, 2, "old"), RunBuilder(2, {}).group(1, 2, "new"),
                                   RunBuilder(3, {}).group(2, 2, "new")},
                                  kParts, {});
  EXPECT_THAT(found.unequal, IsEmpty());
}

TEST(Splits, VariantsAndChunksAreSplitForThemselves) {
  const auto found =
      check_splits({RunBuilder(1, {}).group(1, 1, "f").variant("a"), RunBuilder(2, {}).group(1, 1, "g").variant("b"),
                    RunBuilder(3, {}).group(1, 1, "h").chunk("c")},
                   {{"pytest", ""}, {"pytest", "a"}, {"pytest", "b"}}, {});
  EXPECT_THAT(found.unequal, IsEmpty());
  EXPECT_THAT(found.lost, IsEmpty());
}

TEST(Splits, DifferentNumbersOfGroupsAreNamed) {
  const auto found = check_splits({RunBuilder(1, {}).group(1, 2), RunBuilder(2, {}).group(1, 1)}, kParts, {});
  EXPECT_THAT(found.unequal, ElementsAre("there are runs of splits into 1 and 2 groups: they do not fit together"));
}

TEST(Splits, APlanSaysHowManyGroupsThereAreAndWhichAreEmpty) {
  select::SplitPlan plan;
  plan.suite = "pytest";
  plan.groups = {{"a"}, {}, {"b"}, {"c"}};
  EXPECT_THAT(check_splits({RunBuilder(1, {}).group(1, 4)}, kParts, plan).lost,
              ElementsAre("group 3 of 4 has no run", "group 4 of 4 has no run"));
  EXPECT_THAT(check_splits({RunBuilder(1, {})}, kParts, plan).lost, SizeIs(3));
}

TEST(Splits, AMadNumberOfGroupsEnds) {
  EXPECT_THAT(check_splits({RunBuilder(1, {}).group(1, 4'000'000'000)}, kParts, {}).lost, SizeIs(100));
}

}  // namespace
}  // namespace fittest::merge
