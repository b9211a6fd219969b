// What a run answers to the questions of its suite, with a real history and real files.
#include "run/selection.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "folder.h"

namespace fittest::run {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SelectionTest : public InFolder {
 protected:
  SelectionTest() {
    for (int i = 0; i < 6; ++i) {
      const std::string file = i < 3 ? "a.py" : "b.py";
      tests_.add(file + "::test_" + std::to_string(i), {i < 3 ? 0U : 1U, static_cast<std::uint32_t>(i), false,
                                                        tests_.add_labels({i % 2 == 0 ? "even" : "odd"})});
    }
  }

  void SetUp() override {
    InFolder::SetUp();
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(folder_);  // `.test_durations` is looked for here
    history_ = history::Store::open(folder_ / "history.db");
  }
  void TearDown() override { std::filesystem::current_path(before_); }

  void remember(TestIndex test, Bytes peak, Seconds duration, Verdict verdict = Verdict::passed) {
    const std::int64_t run = history_.begin_run("pytest", "run-" + std::to_string(test));
    history_.record(run, {{std::string(tests_.id(test)), verdict, peak, {}, {}, duration}});
    history_.end_run(run);
  }

  static select::Expression expression(const std::string& text) {
    return select::Expression::parse(text, "-E").value();
  }

  std::vector<TestIndex> selected(const select::Request& request) {
    selection_.emplace(options_, history_, "pytest");
    auto found = selection_->select(tests_, request);
    EXPECT_TRUE(found) << (found ? "" : found.error().text());
    return found.value_or(std::vector<TestIndex>{});
  }

  TestList tests_;
  SelectionOptions options_;
  history::Store history_ = history::Store::empty();
  std::optional<Selection> selection_;
  std::filesystem::path before_;
};

TEST_F(SelectionTest, AsksTheHistoryWhatTestsTook) {
  remember(1, MiB(500), 1);
  remember(4, MiB(5), 9);
  options_.expression = expression("peak > 100MB or duration > 5s");
  EXPECT_THAT(selected({}), ElementsAre(1, 4));
  options_.labels.push_back({"heavy", expression("peak > 100MB")});
  const auto labelled = selection_->measure_labels(tests_);
  ASSERT_EQ(labelled.size(), 1U);
  EXPECT_EQ(labelled[0].name, "heavy");
  EXPECT_THAT(labelled[0].tests, ElementsAre(1));
}

TEST_F(SelectionTest, TellsWhatBodiesNeededBefore) {
  for (const std::uint64_t mib : {8U, 10U}) {
    const std::int64_t run = history_.begin_run("pytest", "run-" + std::to_string(mib));
    history::Outcome outcome{std::string(tests_.id(1)), Verdict::passed, MiB(20), {}, {}, 1};
    outcome.heap = HeapFigures{MiB(12), MiB(12), 1, MiB(mib)};
    history_.record(run, {outcome});
  }
  remember(4, MiB(5), 9);  // not measured
  selection_.emplace(options_, history_, "pytest");
  const auto earlier = selection_->earlier(tests_, {0, 1, 4});
  ASSERT_EQ(earlier.size(), 1U);
  EXPECT_EQ(earlier[0].test, 1U);
  EXPECT_THAT(earlier[0].peaks, ElementsAre(MiB(8), MiB(10)));
  EXPECT_EQ(earlier[0].allowed, MiB(11) + KiB(128));
  EXPECT_THAT(selection_->earlier(tests_, {}), IsEmpty());
}

TEST_F(SelectionTest, GroupsOfWhatTheExpressionLeftHoldEveryTestOnce) {
  options_.expression = expression("not even");
  std::multiset<TestIndex> seen;
  std::set<std::string> fingerprints;
  for (unsigned group = 1; group <= 4; ++group) {
    select::Request request;
    request.splits = 4;
    request.group = group;
    for (const TestIndex test : selected(request)) seen.insert(test);
    const report::SelectionFile file = selection_->file(tests_);
    ASSERT_TRUE(file.split);
    EXPECT_EQ(file.split->group, group);
    EXPECT_EQ(file.candidates.size(), 3U);
    fingerprints.insert(file.split->fingerprint);
  }
  EXPECT_THAT(seen, ElementsAre(1, 3, 5));
  EXPECT_EQ(fingerprints.size(), 1U);
}

TEST_F(SelectionTest, PlansAllGroupsAndTakesNoTestAway) {
  options_.groups = SelectionOptions::Groups::all;
  options_.expression = expression("not even");
  options_.budget = GiB(2);
  select::Request request;
  request.splits = 3;
  request.workers = 4;
  request.order = select::OrderOptions{select::Order::random, select::Bucket::global, 1};
  EXPECT_THAT(selected(request), ElementsAre(1, 3, 5));
  ASSERT_TRUE(selection_->planned());
  EXPECT_EQ(selection_->planned()->options.budget, GiB(2));
  EXPECT_EQ(selection_->planned()->options.workers, 4U);
  const auto planned = selection_->planned()->split.group_of;
  options_.groups = SelectionOptions::Groups::the_one_asked;
  request.order.reset();
  for (request.group = 1; request.group <= 3; ++request.group) {
    std::vector<TestIndex> expected;
    for (std::size_t i = 0; i < planned.size(); ++i) {
      if (planned[i] == request.group - 1) expected.push_back(static_cast<TestIndex>(2 * i + 1));
    }
    EXPECT_EQ(selected(request), expected);
  }
}

TEST_F(SelectionTest, DurationsComeFromTheFileWhereTheHistoryKnowsNothing) {
  write(folder_ / ".test_durations", R"({"a.py::test_0": 100, "a.py::test_1": 20, "a.py::test_2": 20,
                                          "b.py::test_3": 20, "b.py::test_4": 20, "b.py::test_5": 20})");
  select::Request request;
  request.splits = 2;
  const auto first = selected(request);
  EXPECT_THAT(selection_->notices(), testing::Contains(HasSubstr("by .test_durations")));
  request.group = 2;
  const auto second = selected(request);
  EXPECT_EQ(first.size() + second.size(), 6U);
  EXPECT_EQ(std::min(first.size(), second.size()), 1U);  // the long one by itself
}

TEST_F(SelectionTest, AFileOfDurationsThatIsNoneIsAnError) {
  write(folder_ / "d.json", "{\n nonsense");
  select::Request request;
  request.splits = 2;
  request.durations = "d.json";
  selection_.emplace(options_, history_, "pytest");
  const auto refused = selection_->select(tests_, request);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().where, HasSubstr("d.json:2"));
}

TEST_F(SelectionTest, APlanDecidesWithoutTheHistory) {
  select::SplitPlan plan;
  plan.suite = "pytest";
  plan.options.splits = 2;
  plan.groups = {{"a.py::test_0", "b.py::test_5"}, {"a.py::test_1", "a.py::test_2", "b.py::test_3", "b.py::test_4"}};
  plan.forecast.resize(2);
  options_.plan = plan;
  options_.plan_file = "plan.json";
  select::Request request;
  request.group = 1;
  EXPECT_THAT(selected(request), ElementsAre(0, 5));
  request.group = 3;
  selection_.emplace(options_, history_, "pytest");
  const auto refused = selection_->select(tests_, request);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("the plan has 2 groups"));
}

TEST_F(SelectionTest, OrdersWhatIsLeft) {
  remember(3, MiB(1), 1, Verdict::failed);
  options_.expression = expression("file(b.py) or odd");
  select::Request request;
  request.order = select::OrderOptions{select::Order::failed_first, select::Bucket::module, 0};
  EXPECT_THAT(selected(request), ElementsAre(3, 1, 4, 5));
}

TEST_F(SelectionTest, ALabelThatIsNotThereIsAMistakeOrANotice) {
  options_.expression = expression("odd and not evn");
  select::Request request;
  EXPECT_THAT(selected(request), ElementsAre(1, 3, 5));
  EXPECT_THAT(selection_->notices(), ElementsAre(HasSubstr("no test here has the label 'evn'")));
  request.strict_labels = true;
  request.known_labels = {"even", "odd"};
  selection_.emplace(options_, history_, "pytest");
  const auto refused = selection_->select(tests_, request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().where, "-E, column 13");
  EXPECT_THAT(refused.error().remedy, HasSubstr("'even'"));
}

TEST_F(SelectionTest, WithoutAChoiceAllTestsAreExpected) {
  options_.variant = "py3";
  const report::SelectionFile file = Selection(options_, history_, "pytest").file(tests_);
  EXPECT_EQ(file.variant, "py3");
  EXPECT_EQ(file.candidates.size(), 6U);
  EXPECT_EQ(file.selected.size(), 6U);
  EXPECT_FALSE(file.split);
}

}  // namespace
}  // namespace fittest::run
