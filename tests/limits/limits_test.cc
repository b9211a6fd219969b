// Runs real test programs under the tracker, and looks at how their limits end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "programs.h"

namespace fittest::suite {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

enum class Watched { yes, no };

Ended run(std::vector<std::string> command, Watched watched, const std::string& program = FITTEST_PROGRAM) {
  ProcessOrder order;
  order.command = std::move(command);
  order.environment = {"FITTEST_PROGRAM=" + program};
  if (watched == Watched::yes) order.environment.push_back("LD_PRELOAD=" FITTEST_HEAP_LIBRARY);
  return run_program(order);
}

// Of all tests of the probe: whether they passed.
std::map<std::string, bool> results(const std::string& output) {
  std::map<std::string, bool> found;
  const std::regex line(R"(\[  (     OK|FAILED ) ?\] (\w+\.\w+) \()");
  for (std::sregex_iterator it(output.begin(), output.end(), line), end; it != end; ++it) {
    found[(*it)[2]] = (*it)[1] != "FAILED ";
  }
  return found;
}

TEST(Limits, OfAGoogleTest) {
  const std::map<std::string, bool> wanted = {
      {"Memory.Within", true},
      {"Memory.Reached", false},
      {"Memory.OnlyWhatIsHeldAtOnceCounts", true},
      {"Memory.WhatComesBeforeDoesNotCount", true},
      {"Leaks.Within", true},
      {"Leaks.Reached", false},
      {"Leaks.TwoPlacesAreTwoSums", true},
      {"Both.BothAreChecked", false},
      {"Both.Within", true},
      {"Failed.IsNotCheckedAsWell", false},
      {"Thrown.IsNotCheckedAsWell", false},
      {"Size.ThatIsNone", false},
  };
  for (const char* probe : {GTEST_PROBE, GTEST_FIRST_PROBE}) {
    const Ended ended = run({probe}, Watched::yes);
    EXPECT_EQ(results(ended.output), wanted) << ended.output << ended.error;
    EXPECT_THAT(ended.error, Not(HasSubstr("not checked")));
  }
}

TEST(Limits, TheFailureNamesTheLineAndTheStack) {
  const Ended ended = run({GTEST_PROBE, "--gtest_filter=Memory.Reached"}, Watched::yes);
  EXPECT_THAT(ended.output, ContainsRegex("gtest_probe\\.cc:16: Failure"));
  EXPECT_THAT(ended.output, HasSubstr("limited to 2.0 MiB but allocated 2.0 MiB"));
  EXPECT_THAT(ended.output, HasSubstr("2.0 MiB in 1 allocation:"));
  EXPECT_THAT(ended.output, ContainsRegex("hold_for_a_moment"));
  EXPECT_THAT(ended.output, ContainsRegex("Memory_Reached_Test::TestBody"));
}

TEST(Limits, BothOfABodyAreSaid) {
  const Ended ended = run({GTEST_PROBE, "--gtest_filter=Both.BothAreChecked"}, Watched::yes);
  EXPECT_THAT(ended.output, HasSubstr("limited to 2.0 MiB but allocated 3.0 MiB"));
  EXPECT_THAT(ended.output, HasSubstr("allowed to leak 5.0 KiB per location but at least one location leaked more"));
}

TEST(Limits, AFailureForAnotherReasonIsTheOnlyOne) {
  const Ended ended = run({GTEST_PROBE, "--gtest_filter=Failed.*:Thrown.*"}, Watched::yes);
  EXPECT_THAT(ended.output, Not(HasSubstr("limited to")));
}

TEST(Limits, WithoutTheTrackerThatIsSaidOnceAndNothingIsChecked) {
  const Ended ended = run({GTEST_PROBE, "--gtest_filter=Memory.*:Leaks.*"}, Watched::no);
  EXPECT_EQ(ended.status.code(), 0);
  const std::string said = "fittest: limits are not checked: libfittest_heap.so is not loaded";
  EXPECT_THAT(ended.error, HasSubstr(said));
  EXPECT_EQ(ended.error.find(said, ended.error.find(said) + 1), std::string::npos);
}

TEST(Limits, WithoutTheProgramThatIsSaid) {
  const Ended ended = run({GTEST_PROBE, "--gtest_filter=Memory.*"}, Watched::yes, "/nowhere/fittest");
  EXPECT_EQ(ended.status.code(), 0);
  EXPECT_THAT(ended.error, HasSubstr("fittest: limits are not checked: the program fittest is needed"));
}

TEST(Limits, WithoutAFrameworkTheProcessEnds) {
  const Ended over = run({PLAIN_PROBE, "3000000"}, Watched::yes);
  EXPECT_EQ(over.status.code(), 97);
  EXPECT_THAT(over.error, ContainsRegex("plain_probe\\.cc:10: limited to 2.0 MiB but allocated 2.9 MiB"));
  EXPECT_EQ(over.output, "");
  const Ended within = run({PLAIN_PROBE, "1000000"}, Watched::yes);
  EXPECT_EQ(within.status.code(), 0);
  EXPECT_EQ(within.output, "went on\n");
}

#ifdef CATCH_PROBE
TEST(Limits, OfACatch2Test) {
  const Ended ended = run({CATCH_PROBE}, Watched::yes);
  EXPECT_EQ(ended.status.code(), 1);
  EXPECT_THAT(ended.output, HasSubstr("test cases: 2 | 1 passed | 1 failed"));
  EXPECT_THAT(ended.output, HasSubstr("limited to 2.0 MiB but allocated 3.0 MiB"));
}
#endif

}  // namespace
}  // namespace fittest::suite
