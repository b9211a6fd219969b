#include "select/weights.h"

#include <gtest/gtest.h>

#include <string>

namespace fittest::select {
namespace {

// Three tests; the history knows the first (1 s, 100 MiB) and the second, which was skipped; the file knows the first
// and the last.
class WeightsTest : public testing::Test {
 protected:
  WeightsTest() {
    for (const char* id : {"a.py::test_1", "a.py::test_2", "a.py::test_3"}) tests_.add(id, {});
    facts_[0] = {true, MiB(100), {}, 1, 3, Verdict::passed};
    facts_[1] = {true, MiB(1), {}, 0.001, 3, Verdict::skipped};
    predictions_ = {{MiB(120), 1, true, {}}, {MiB(2), 0.001, true, {}}, {MiB(64), 0.5, false, {}}};
    file_.seconds = {{"a.py::test_1", 8}, {"a.py::test_3", 2}, {"gone.py::test", 1000}};
  }

  // "1s 100M" for each test, and where that is from.
  std::string weigh(Algorithm algorithm) {
    SplitOptions options;
    options.algorithm = algorithm;
    const Weights found = weights(tests_, facts_, predictions_, file_, options);
    std::string text = found.source == Weights::Source::history          ? "history:"
                       : found.source == Weights::Source::durations_file ? "file:"
                                                                         : "nothing:";
    for (const Weight& weight : found.of) {
      text += " " + std::to_string(weight.duration).substr(0, 3) + "/" + std::to_string(weight.peak.value >> 20);
    }
    return text;
  }

  TestList tests_;
  std::vector<Facts> facts_ = std::vector<Facts>(3);
  std::vector<plan::Prediction> predictions_;
  KnownDurations file_;
};

TEST_F(WeightsTest, BalancedGoesByTheHistoryAndASkippedTestWeighsNothing) {
  EXPECT_EQ(weigh(Algorithm::balanced), "history: 1.0/120 0.0/0 0.5/64");
}

TEST_F(WeightsTest, BalancedGoesByTheFileAloneIfItWasAskedFor) {
  file_.source = KnownDurations::Source::asked;
  EXPECT_EQ(weigh(Algorithm::balanced), "file: 8.0/0 5.0/0 2.0/0");
  file_.seconds.clear();
  EXPECT_EQ(weigh(Algorithm::balanced), "nothing: 1.0/0 1.0/0 1.0/0");
}

TEST_F(WeightsTest, BalancedGoesByTheFileIfTheHistoryKnowsNoneOfTheTests) {
  facts_.assign(3, {});
  EXPECT_EQ(weigh(Algorithm::balanced), "file: 8.0/0 5.0/0 2.0/0");
  file_.seconds = {{"gone.py::test", 1000}};
  EXPECT_EQ(weigh(Algorithm::balanced), "nothing: 1.0/120 0.0/2 0.5/64");
}

TEST_F(WeightsTest, TheOthersGoByTheFileAsPytestSplitDoes) {
  for (const Algorithm algorithm : {Algorithm::duration_based_chunks, Algorithm::least_duration}) {
    EXPECT_EQ(weigh(algorithm), "file: 8.0/120 5.0/2 2.0/0");
  }
  file_.seconds.clear();
  EXPECT_EQ(weigh(Algorithm::least_duration), "nothing: 1.0/120 1.0/2 1.0/0");
}

}  // namespace
}  // namespace fittest::select
