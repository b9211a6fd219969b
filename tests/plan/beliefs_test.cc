#include "plan/beliefs.h"

#include <gtest/gtest.h>

#include <limits>

namespace fittest::plan {
namespace {

TestSpec spec(std::uint32_t file, bool known) {
  TestSpec out;
  out.prediction = {MiB(64), 0.1, known, {}};
  out.file = file;
  return out;
}

TEST(Beliefs, KnownTestsAreBelievedAsPredicted) {
  Beliefs beliefs({spec(0, true), spec(0, true)});
  beliefs.observe(0, GiB(1), MiB(5), 10);
  EXPECT_EQ(beliefs.peak(1), MiB(64));
  EXPECT_DOUBLE_EQ(beliefs.duration(1), 0.1);
  EXPECT_EQ(beliefs.seen(), 0U);
}

TEST(Beliefs, UnknownTestsFollowTheirFileFirstThenTheSuite) {
  std::vector<TestSpec> tests(100, spec(0, false));
  tests.resize(200, spec(1, false));
  tests.resize(300, spec(2, false));
  Beliefs beliefs(tests);
  for (TestIndex test = 0; test < 50; ++test) beliefs.observe(test, MiB(1), {}, 0.001);
  for (TestIndex test = 100; test < 150; ++test) beliefs.observe(test, MiB(200), MiB(3), 2);
  EXPECT_NEAR(beliefs.duration(60), 0.001, 0.06);
  EXPECT_NEAR(beliefs.duration(160), 2, 0.2);
  EXPECT_NEAR(beliefs.duration(260), 1, 0.2) << "nothing seen of this file: the suite's";
  EXPECT_GE(beliefs.peak(160), MiB(200));
  EXPECT_EQ(beliefs.retained(160), MiB(3));
  EXPECT_GE(beliefs.peak(260), MiB(200)) << "the high peaks of the suite";
}

TEST(Beliefs, PeaksShrinkSlowlyAndGrowAtOnce) {
  Beliefs beliefs(std::vector<TestSpec>(100, spec(0, false)));
  beliefs.observe(0, MiB(1), {}, 0.1);
  EXPECT_GT(beliefs.peak(50), MiB(32));
  for (TestIndex test = 1; test < 40; ++test) beliefs.observe(test, MiB(1), {}, 0.1);
  EXPECT_LT(beliefs.peak(50), MiB(8));
  beliefs.observe(40, MiB(500), {}, 0.1);
  EXPECT_LT(beliefs.peak(50), MiB(8)) << "one among many says nothing of the others";
  for (TestIndex test = 41; test < 44; ++test) beliefs.observe(test, MiB(500), {}, 0.1);
  EXPECT_GT(beliefs.peak(50), MiB(500));
}

TEST(Beliefs, NoUnknownTestIsBelievedToNeedMoreThanTheLimit) {
  Beliefs beliefs(std::vector<TestSpec>(3, spec(0, false)));
  beliefs.limit_unknown(MiB(900));
  beliefs.observe(0, GiB(2), {}, 0.1);
  EXPECT_EQ(beliefs.peak(1), MiB(900));
  beliefs.learn_peak(1, GiB(2));
  EXPECT_EQ(beliefs.peak(1), GiB(2)) << "this was learned of itself";
}

TEST(Beliefs, TheWaitingTimeIsTheSumOfWhatIsBelieved) {
  std::vector<TestSpec> tests;
  for (std::uint32_t i = 0; i < 300; ++i) tests.push_back(spec(i / 30, i % 3 == 0));
  Beliefs beliefs(tests);
  for (TestIndex test = 0; test < 300; ++test) beliefs.now_waits(test);
  for (TestIndex test = 0; test < 200; ++test) {
    beliefs.waits_no_more(test);
    beliefs.observe(test, {}, {}, 0.01 * (test % 7));
  }
  double sum = 0;
  for (TestIndex test = 200; test < 300; ++test) sum += beliefs.duration(test);
  EXPECT_NEAR(beliefs.waiting(), sum, 0.02 * sum);
}

TEST(Beliefs, NonsenseIsBelievedOnlySoFar) {
  TestSpec mad = spec(4'000'000'000U, true);
  mad.prediction = {Bytes{~std::uint64_t{0}}, std::numeric_limits<double>::quiet_NaN(), true, Bytes{~std::uint64_t{0}}};
  TestSpec negative = spec(7, true);
  negative.prediction.duration = -5;
  Beliefs beliefs({mad, negative});
  EXPECT_LT(beliefs.peak(0).value, std::uint64_t{1} << 44);
  EXPECT_GT(beliefs.duration(0), 0);
  EXPECT_GT(beliefs.duration(1), 0);
  EXPECT_EQ(beliefs.file(0), 0U);
  EXPECT_EQ(beliefs.file(1), 1U);
}

}  // namespace
}  // namespace fittest::plan
