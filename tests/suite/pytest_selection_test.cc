// What a pytest session asks about its tests while it collects, and what it makes of the answers.
#include <gmock/gmock.h>

#include "pytest_suite_fixture.h"

namespace fittest::suite::pytest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kMarked =
    "import pytest\n"
    "pytestmark = pytest.mark.unit\n"
    "@pytest.mark.parametrize('n', range(3))\n"
    "def test_n(n): pass\n"
    "class TestC:\n"
    "    @pytest.mark.slow\n"
    "    def test_slow(self): pass\n";

class PytestSelectionTest : public PytestSuiteTest {
 protected:
  PytestSelectionTest() {
    write("pytest.ini", "[pytest]\nmarkers =\n  unit\n  slow\naddopts = --strict-markers\n");
    write("test_m.py", kMarked);
  }
  void SetUp() override {
    if (::testing::Test::HasFatalFailure()) GTEST_SKIP();
  }
  static PytestOptions selecting() {
    PytestOptions options;
    options.selects = true;
    return options;
  }
};

TEST_F(PytestSelectionTest, NothingIsAskedWhereNothingIsWanted) {
  collect();
  EXPECT_THAT(heard_.found_, IsEmpty());
  EXPECT_EQ(suite_->tests().size(), 4U);
  EXPECT_EQ(finish().code(), 0);
}

TEST_F(PytestSelectionTest, ListsTestsWithTheirLabels) {
  PytestOptions options;
  options.list = true;
  collect({}, Isolation::automatic, options);
  ASSERT_TRUE(run_until([&] { return !heard_.ended_.empty(); }));
  EXPECT_EQ(heard_.ended_.front().code(), 0) << output();
  ASSERT_EQ(suite_->tests().size(), 4U);
  EXPECT_THAT(suite_->tests().labels(0), ElementsAre("parametrize", "unit"));
  EXPECT_THAT(suite_->tests().labels(3), ElementsAre("slow", "unit"));
}

TEST_F(PytestSelectionTest, RunsWhatIsAnsweredInThatOrder) {
  heard_.selected_ = std::vector<TestIndex>{3, 1};
  collect({"-k", "not n0"}, Isolation::automatic, selecting());
  ASSERT_EQ(heard_.found_.size(), 1U) << output();
  EXPECT_EQ(heard_.found_[0].size(), 4U);  // "n0" is in no name
  EXPECT_THAT(heard_.found_[0].labels(3), ElementsAre("slow", "unit"));
  EXPECT_TRUE(heard_.requests_[0].strict_labels);
  EXPECT_THAT(heard_.requests_[0].known_labels, testing::Contains("slow"));
  EXPECT_FALSE(heard_.requests_[0].splits);
  EXPECT_THAT(ids(), ElementsAre(testing::EndsWith("TestC::test_slow"), testing::EndsWith("test_n[1]")));
  EXPECT_EQ(finish().code(), 0);
  EXPECT_THAT(output(), HasSubstr("2 deselected"));
}

TEST_F(PytestSelectionTest, AnErrorEndsTheSession) {
  heard_.selected_ = failure("no such label", "-E, column 3", "did you mean 'slow'?");
  start({}, Isolation::automatic, selecting());
  ASSERT_TRUE(run_until([&] { return !heard_.ended_.empty(); }));
  EXPECT_EQ(heard_.ended_.front().code(), 4);
  EXPECT_THAT(output(), HasSubstr("ERROR: -E, column 3: no such label"));
  EXPECT_THAT(heard_.collected_, IsEmpty());
}

TEST_F(PytestSelectionTest, OptionsOfThePeersBecomeARequest) {
  heard_.selected_ = std::vector<TestIndex>{0};
  collect({"--splits", "3", "--group", "2", "--splitting-algorithm", "least_duration", "--durations-path", "d.json",
           "--random-order-bucket", "class", "--random-order-seed", "77", "--dist", "loadscope", "-n", "3",
           "--store-durations", "--clean-durations"});
  ASSERT_EQ(heard_.requests_.size(), 1U) << output();
  const select::Request& request = heard_.requests_[0];
  EXPECT_EQ(request.splits, 3U);
  EXPECT_EQ(request.group, 2U);
  EXPECT_EQ(request.algorithm, select::Algorithm::least_duration);
  EXPECT_EQ(request.keep_whole, select::KeepWhole::scope);
  EXPECT_EQ(request.durations, "d.json");
  EXPECT_EQ(request.workers, 3U);
  ASSERT_TRUE(request.order);
  EXPECT_EQ(request.order->order, select::Order::random);
  EXPECT_EQ(request.order->bucket, select::Bucket::class_);
  EXPECT_EQ(request.order->seed, 77U);
  EXPECT_TRUE(heard_.collected_[0].in_given_order);
  ASSERT_TRUE(heard_.collected_[0].store_durations);
  EXPECT_THAT(*heard_.collected_[0].store_durations, testing::EndsWith("/d.json"));
  EXPECT_TRUE(heard_.collected_[0].clean_durations);
  EXPECT_EQ(finish().code(), 0);
}

class MeasuredLabels : public PytestSelectionTest, public testing::WithParamInterface<Isolation> {};
INSTANTIATE_TEST_SUITE_P(PytestSuite, MeasuredLabels, testing::Values(Isolation::fork, Isolation::spawn),
                         [](const auto& one) { return one.param == Isolation::fork ? "fork" : "spawn"; });

TEST_P(MeasuredLabels, AreMarkersForPytestsOwnSelection) {
  heard_.labelled_ = {{"heavy", {1, 3}}, {"empty", {}}};
  PytestOptions options;
  options.measures_labels = true;
  collect({"-m", "heavy and not slow and not empty"}, GetParam(), options);
  ASSERT_EQ(heard_.found_.size(), 1U);
  EXPECT_EQ(heard_.found_[0].size(), 4U);  // asked before anything is deselected
  EXPECT_THAT(ids(), ElementsAre(testing::EndsWith("test_n[1]")));
  start_worker(kFirst);
  run_batch(kFirst, {0});
  EXPECT_EQ(end_of(0).verdict, Verdict::passed) << output();
  report_all();
  retire(kFirst);
  EXPECT_EQ(finish().code(), 0);
}

TEST_F(PytestSelectionTest, AMarkerThatNobodyRegisteredIsAMistakeWhereMarkersAreStrict) {
  start({"-m", "not slwo"});
  ASSERT_TRUE(run_until([&] { return !heard_.ended_.empty(); }));
  EXPECT_EQ(heard_.ended_.front().code(), 4);
  EXPECT_THAT(output(), HasSubstr("no marker is called 'slwo' (did you mean 'slow'?); "));
  EXPECT_THAT(output(), HasSubstr("pytest.ini:2 lists those there are"));
}

}  // namespace
}  // namespace fittest::suite::pytest
