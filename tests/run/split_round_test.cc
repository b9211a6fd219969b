#include "run/split_round.h"

#include <gmock/gmock.h>

#include "folder.h"

namespace fittest::run {
namespace {

class SplitRoundTest : public InFolder {
 protected:
  SplitRoundTest() {
    for (int i = 0; i < 4; ++i) tests_.add("a.py::test_" + std::to_string(i), {});
    options_.splits = 3;
    plan_ =
        select::make_plan("pytest", tests_, select::split(tests_, std::vector<select::Weight>(4), options_), options_);
  }
  [[nodiscard]] SplitRound round() const { return {folder_, "pytest", tests_, options_}; }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_ / "splits"), {}));
  }

  TestList tests_;
  select::SplitOptions options_;
  select::SplitPlan plan_;
};

TEST_F(SplitRoundTest, EachGroupIsOneOfTheSameSplitUntilAllHaveRun) {
  EXPECT_FALSE(round().plan_for(2));
  round().begin(2, plan_);
  ASSERT_TRUE(round().plan_for(1));
  EXPECT_EQ(round().plan_for(1)->groups, plan_.groups);
  round().go_on(1);
  EXPECT_FALSE(round().plan_for(1)) << "a group that is run again begins a new round";
  ASSERT_TRUE(round().plan_for(3));
  round().go_on(3);
  EXPECT_FALSE(round().plan_for(2));
  EXPECT_EQ(files(), 0U);
}

TEST_F(SplitRoundTest, OtherTestsOrAnotherCutAreAnotherRound) {
  round().begin(1, plan_);
  const SplitRound mine = round();
  options_.workers = 4;
  EXPECT_FALSE(round().plan_for(2));
  options_.workers = 1;
  tests_.add("a.py::test_new", {});
  EXPECT_FALSE(round().plan_for(2));
  EXPECT_TRUE(mine.plan_for(2));
}

TEST_F(SplitRoundTest, ADamagedFileBeginsANewRound) {
  round().begin(1, plan_);
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "splits")) write(entry.path(), "{\"groups\":");
  EXPECT_FALSE(round().plan_for(2));
}

TEST_F(SplitRoundTest, OnlySomeAreKept) {
  for (unsigned workers = 1; workers <= 30; ++workers) {
    options_.workers = workers;
    round().begin(1, plan_);
  }
  EXPECT_EQ(files(), 20U);
}

TEST_F(SplitRoundTest, AFolderThatCannotBeWrittenIsNoFailure) {
  write(folder_ / "file", "");
  const SplitRound round(folder_ / "file", "pytest", tests_, options_);
  round.begin(1, plan_);
  round.go_on(2);
  EXPECT_FALSE(round.plan_for(2));
}

}  // namespace
}  // namespace fittest::run
