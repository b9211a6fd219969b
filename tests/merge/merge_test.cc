#include "merge/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "runs.h"

namespace fittest::merge {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using enum Verdict;

TEST(Merge, GroupsThatPassTogetherPass) {
  const Merged all = merged({RunBuilder(1, {{"a", passed}, {"c", skipped}}).selection({"a", "b", "c"}).group(1, 2),
                             RunBuilder(2, {{"b", xfailed}}).selection({"a", "b", "c"}).group(2, 2)});
  EXPECT_EQ(verdicts_of(all), "a passed; b xfailed; c skipped");
  EXPECT_EQ(all.exit_code(), 0);
  EXPECT_THAT(all.problems, IsEmpty());
  EXPECT_THAT(all.notices, IsEmpty());
  EXPECT_EQ(all.count(passed), 1U);
  EXPECT_EQ(all.failures(), 0U);
}

TEST(Merge, AnyFailureFails) {
  for (const Verdict verdict : {failed, error, timed_out, crashed, over_limit, over_budget}) {
    const Merged all = merged({RunBuilder(1, {{"a", passed}, {"b", verdict}})});
    EXPECT_EQ(all.exit_code(), 1);
    EXPECT_EQ(all.failures(), 1U);
  }
}

TEST(Merge, ATestThatNoRunTellsOfIsMissing) {
  const Merged all = merged({RunBuilder(1, {{"a", passed}}).selection({"a", "b"}).group(1, 2),
                             RunBuilder(2, {{"c", passed}}).selection({"a", "b", "c"}).group(2, 2)});
  EXPECT_EQ(verdicts_of(all), "a passed; b missing; c passed");
  EXPECT_EQ(all.missing, 1U);
  EXPECT_EQ(all.exit_code(), 1);
}

TEST(Merge, ATestThatWasNotRunHasNoVerdictUntilAnotherRunGivesOne) {
  const merge::Run stopped =
      RunBuilder(1, {{"a", passed}}).selection({"a", "b"}).chunk("x").not_run({"b"}).interrupted();
  const Merged alone = merged({stopped});
  EXPECT_EQ(verdicts_of(alone), "a passed; b not_run");
  EXPECT_EQ(alone.count(not_run), 1U);
  EXPECT_EQ(alone.missing, 0U);
  EXPECT_EQ(alone.exit_code(), 1);
  const Merged both = merged({stopped, RunBuilder(2, {{"b", passed}}).selection({"a", "b"}).chunk("y")});
  EXPECT_EQ(verdicts_of(both), "a passed; b passed");
  EXPECT_EQ(both.exit_code(), 0);
}

TEST(Merge, ALaterAttemptAtTheSameGroupCounts) {
  const auto attempt = [](unsigned number, Verdict verdict) {
    return RunBuilder(number, {{"a", verdict}, {"b", passed}}).group(1, 1).build();
  };
  const Merged better = merged({attempt(2, passed), attempt(1, failed)});
  EXPECT_EQ(verdicts_of(better), "a passed; b passed");
  EXPECT_EQ(better.mended, 1U);
  EXPECT_EQ(better.exit_code(), 0);
  EXPECT_THAT(better.attempts, ElementsAre(1, 2));
  const Merged worse = merged({attempt(1, passed), attempt(2, failed)});
  EXPECT_EQ(verdicts_of(worse), "a failed; b passed");
  EXPECT_EQ(worse.mended, 0U);
  EXPECT_EQ(worse.exit_code(), 1);
}

TEST(Merge, AnAttemptThatHasNoVerdictOfATestLeavesTheEarlierOne) {
  const Merged all = merged({RunBuilder(1, {{"a", failed}, {"b", passed}}).group(1, 1),
                             RunBuilder(2, {{"b", passed}}).not_run({"a"}).interrupted().group(1, 1)});
  EXPECT_EQ(verdicts_of(all), "a failed; b passed");
}

TEST(Merge, AFailureInAnotherJobStaysAFailure) {
  const auto in_chunk = [](unsigned number, const char* chunk, Verdict verdict) {
    return RunBuilder(number, {{"a", verdict}}).chunk(chunk).build();
  };
  EXPECT_EQ(verdicts_of(merged({in_chunk(1, "x", failed), in_chunk(2, "y", passed)})), "a failed");
  EXPECT_EQ(verdicts_of(merged({in_chunk(1, "y", passed), in_chunk(2, "x", failed)})), "a failed");
  EXPECT_EQ(verdicts_of(merged({in_chunk(1, "x", skipped), in_chunk(2, "y", passed)})), "a passed");
  EXPECT_EQ(verdicts_of(merged({in_chunk(1, "x", passed), in_chunk(2, "y", skipped)})), "a passed");
  EXPECT_EQ(verdicts_of(merged({in_chunk(1, "x", failed), in_chunk(2, "x", passed), in_chunk(3, "y", crashed)})),
            "a crashed");
}

TEST(Merge, GroupsOfDifferentSplitsAreDifferentJobs) {
  const Merged all = merged({RunBuilder(1, {{"a", failed}}).group(1, 2), RunBuilder(2, {{"a", passed}}).group(2, 2)});
  EXPECT_EQ(verdicts_of(all), "a failed");
}

TEST(Merge, WithoutChunkAndSplitTheCommandLineIsTheJob) {
  const auto run = [](unsigned number, Verdict verdict, std::vector<std::string> command) {
    return RunBuilder(number, {{"a", verdict}}).command(std::move(command)).build();
  };
  EXPECT_EQ(
      verdicts_of(merged({run(1, failed, {"/x/fittest", "pytest", "a"}), run(2, passed, {"fittest", "pytest", "a"})})),
      "a passed");
  EXPECT_EQ(
      verdicts_of(merged({run(1, failed, {"fittest", "pytest"}), run(2, passed, {"fittest", "pytest", "--resume"})})),
      "a passed");
  EXPECT_EQ(
      verdicts_of(merged({run(1, failed, {"fittest", "pytest", "a"}), run(2, passed, {"fittest", "pytest", "."})})),
      "a failed");
}

TEST(Merge, EachVariantIsCompleteByItself) {
  const Merged all = merged({RunBuilder(1, {{"a", passed}, {"b", failed}}).selection({"a", "b"}).variant("py3.9"),
                             RunBuilder(2, {{"b", passed}}).selection({"a", "b"}).variant("py3.12")});
  EXPECT_EQ(verdicts_of(all), "py3.12/a missing; py3.12/b passed; py3.9/a passed; py3.9/b failed");
  ASSERT_EQ(all.parts.size(), 2U);
}

TEST(Merge, ARunThatDidNotFinishIsAProblemAndItsVerdictsCount) {
  const Merged all = merged({RunBuilder(1, {{"a", passed}}).group(1, 1).killed()});
  EXPECT_EQ(verdicts_of(all), "a passed");
  EXPECT_THAT(all.problems, ElementsAre("group 1/1 (run run-001) did not finish; 1 verdict until then"));
  EXPECT_EQ(all.exit_code(), 1);
}

TEST(Merge, WhatRanWhenARunEndedIsNamed) {
  merge::Run run = RunBuilder(1, {}).group(1, 1).killed();
  run.journal.running = {"a", "b"};
  EXPECT_THAT(merged({run}).problems,
              ElementsAre("group 1/1 (run run-001) did not finish; 0 verdicts until then, while a, b ran"));
  run.journal.running = {"a", "b", "c", "d", "e", "f"};
  EXPECT_THAT(merged({run}).problems, ElementsAre(HasSubstr("while a, b, c, d and 2 more ran")));
}

TEST(Merge, ALaterAttemptThatFinishedMakesUpForOneThatDidNot) {
  const Merged all =
      merged({RunBuilder(1, {{"a", failed}}).group(1, 1).killed(), RunBuilder(2, {{"a", passed}}).group(1, 1)});
  EXPECT_THAT(all.problems, IsEmpty());
  EXPECT_THAT(all.notices, ElementsAre(HasSubstr("did not finish; 1 verdict until then; a later attempt finished")));
  EXPECT_THAT(all.superseded, ElementsAre(true, false));
  EXPECT_EQ(all.exit_code(), 0);
  const Merged again =
      merged({RunBuilder(1, {{"a", passed}}).group(1, 1), RunBuilder(2, {{"a", passed}}).group(1, 1).killed()});
  EXPECT_EQ(again.exit_code(), 1) << "the last attempt was lost";
}

TEST(Merge, AnExitCodeThatNoTestExplainsIsAProblem) {
  const auto code_of = [](RunBuilder run, int code) { return merged({run.exit_code(code)}).exit_code(); };
  EXPECT_EQ(code_of(RunBuilder(1, {{"a", passed}}), 0), 0);
  EXPECT_EQ(code_of(RunBuilder(1, {{"a", passed}}), 1), 1);  // a plugin that checks coverage
  EXPECT_EQ(code_of(RunBuilder(1, {{"a", passed}}), 3), 1);
  const Merged all = merged({RunBuilder(1, {{"a", passed}}).exit_code(3)});
  EXPECT_THAT(all.problems, ElementsAre("run run-001 ended with exit code 3, which its tests do not explain"));
}

TEST(Merge, NoTestAnywhereIsFiveAndAnEmptyGroupIsNoFailure) {
  const merge::Run empty = RunBuilder(2, {}).selection({"a"}).group(2, 2).exit_code(5);
  EXPECT_EQ(merged({RunBuilder(1, {{"a", passed}}).group(1, 2), empty}).exit_code(), 0);
  EXPECT_EQ(merged({RunBuilder(1, {}).selection({}).exit_code(5)}).exit_code(), 5);
  EXPECT_EQ(merged({RunBuilder(1, {}).selection({}).exit_code(0)}).exit_code(), 5);
  EXPECT_EQ(merged({RunBuilder(1, {}).selection({}).killed()}).exit_code(), 1);
}

TEST(Merge, TwoCopiesOfARunCountOnce) {
  merge::Run copy = RunBuilder(1, {{"a", failed}}).group(1, 1);
  copy.folder = "elsewhere";
  const Merged all = merged({RunBuilder(1, {{"a", failed}}).group(1, 1), copy});
  EXPECT_EQ(all.runs.size(), 1U);
  EXPECT_THAT(all.notices, ElementsAre(HasSubstr("is there twice, and counts once: elsewhere and runs/1")));
}

TEST(Merge, TheWholeCopyOfARunComesAfterThePartOfIt) {
  merge::Run part = RunBuilder(1, {}).selection({"a"}).group(1, 1).killed();
  part.journal.until = 3;
  const Merged all = merged({RunBuilder(1, {{"a", passed}}).group(1, 1), part});
  EXPECT_EQ(all.exit_code(), 0);
}

TEST(Merge, RunsWithoutASelectionAreTold) {
  const Merged all = merged({RunBuilder(1, {{"a", passed}})});
  EXPECT_THAT(all.notices, ElementsAre(HasSubstr("1 run without selection.json")));
  EXPECT_EQ(all.exit_code(), 0);
}

TEST(Merge, LinesThatCannotBeReadAreTold) {
  merge::Run run = RunBuilder(1, {{"a", passed}}).group(1, 1);
  run.journal.unreadable_lines = 2;
  EXPECT_THAT(merged({run}).notices, ElementsAre(HasSubstr("2 lines of its events cannot be read")));
}

TEST(Merge, WithAPlanItsTestsMustBeThereToo) {
  MergeInput input;
  input.plan.emplace().suite = "pytest";
  input.plan->groups = {{"a"}, {"b"}};
  input.runs = {RunBuilder(1, {{"a", passed}}).selection({"a", "new"}).group(1, 2)};
  const Merged all = merge(std::move(input));
  EXPECT_EQ(verdicts_of(all), "a passed; new missing; b missing");
  EXPECT_THAT(all.problems, ElementsAre("group 2 of 2 has no run"));
}

TEST(Merge, TestsOfAPlanAreFoundWhateverBytesTheirIdsHold) {
  MergeInput input;
  input.plan.emplace().suite = "pytest";
  input.plan->groups = {{"a\xff"}};
  input.runs = {RunBuilder(1, {{"a\xEF\xBF\xBD", passed}}).selection({"a\xEF\xBF\xBD"}).group(1, 1)};
  EXPECT_EQ(merge(std::move(input)).exit_code(), 0);
}

TEST(Merge, WhatTheReaderFoundIsTakenOver) {
  MergeInput input;
  input.runs = {RunBuilder(1, {{"a", passed}}).group(1, 1)};
  input.problems = {"folder x holds no run"};
  input.notices = {"note"};
  const Merged all = merge(std::move(input));
  EXPECT_THAT(all.problems, ElementsAre("folder x holds no run"));
  EXPECT_THAT(all.notices, ElementsAre("note"));
  EXPECT_EQ(all.exit_code(), 1);
}

// However a run's tests are spread over machines, and in whatever order the parts are named: the verdicts are the same.
TEST(Merge, AnyPartitionOfARunMergesToItsVerdicts) {
  std::mt19937 random(20260102);
  for (int round = 0; round < 200; ++round) {
    const std::size_t size = 1 + random() % 60;
    Verdicts whole;
    std::vector<std::string> candidates;
    for (std::size_t test = 0; test < size; ++test) {
      candidates.push_back("t" + std::to_string(test));
      if (random() % 10 > 0)
        whole.emplace_back(candidates.back(), static_cast<Verdict>(random() % (kVerdictCount - 1)));
    }
    const std::string expected = verdicts_of(merged({RunBuilder(0, whole).selection(candidates)}));

    const auto groups = static_cast<unsigned>(1 + random() % 6);
    std::vector<Verdicts> parts(groups);
    for (const auto& test : whole) parts[random() % groups].push_back(test);
    std::vector<merge::Run> runs;
    for (unsigned group = 1; group <= groups; ++group) {
      std::ranges::shuffle(parts[group - 1], random);
      runs.push_back(RunBuilder(group, parts[group - 1]).selection(candidates).group(group, groups));
      // An earlier attempt that had other verdicts, or none, of some of them.
      if (random() % 3 == 0) {
        Verdicts before = parts[group - 1];
        before.resize(random() % (before.size() + 1));
        for (auto& test : before) test.second = static_cast<Verdict>(random() % (kVerdictCount - 1));
        merge::Run earlier = RunBuilder(group, before).selection(candidates).group(group, groups).killed();
        earlier.journal.started->started_at -= 1'000'000;
        earlier.journal.started->run_id += "-earlier";
        runs.push_back(std::move(earlier));
      }
    }
    std::ranges::shuffle(runs, random);
    const Merged all = merged(std::move(runs));
    EXPECT_EQ(verdicts_of(all), expected) << "round " << round;
    EXPECT_THAT(all.problems, IsEmpty());
  }
}

}  // namespace
}  // namespace fittest::merge
