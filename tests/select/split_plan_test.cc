#include "select/split_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "support/mutated.h"

namespace fittest::select {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TestList list(const std::vector<std::string>& ids) {
  TestList tests;
  std::vector<std::string> files;
  for (const std::string& id : ids) {
    const std::string file = id.substr(0, id.find("::"));
    if (files.empty() || files.back() != file) files.push_back(file);
    const auto number = static_cast<std::uint32_t>(files.size());
    tests.add(id, {number, number, false, 0});
  }
  return tests;
}

SplitPlan sample() {
  const TestList tests = list({"a.py::test_1", "a.py::test_\xFF[\"q\"\n]", "b.py::test_3", "c.py::test_4"});
  SplitOptions options;
  options.splits = 2;
  options.budget = GiB(4);
  options.workers = 3;
  options.keep_whole = KeepWhole::file;
  const std::vector<Weight> weights = {{1, MiB(10)}, {2, MiB(20)}, {2.5, MiB(5)}, {0.5, MiB(500)}};
  return make_plan("pytest", tests, split(tests, weights, options), options);
}

std::string problem(const std::string& text) {
  const auto plan = SplitPlan::from_json(text, "plan.json");
  return plan ? "" : plan.error().text();
}

// `sample` with one piece of its JSON changed.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = sample().to_json();
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " in " << text;
  return text.replace(at, from.size(), to);
}

TEST(SplitPlan, IsTheSameWrittenAndRead) {
  const SplitPlan plan = sample();
  EXPECT_THAT(plan.groups, ElementsAre(ElementsAre("a.py::test_1", "a.py::test_\xFF[\"q\"\n]"),
                                       ElementsAre("b.py::test_3", "c.py::test_4")));
  const auto read = SplitPlan::from_json(plan.to_json(), "plan.json");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->to_json(), plan.to_json());
  EXPECT_EQ(read->suite, "pytest");
  EXPECT_EQ(read->groups, plan.groups);
  EXPECT_EQ(read->options.splits, 2);
  EXPECT_EQ(read->options.budget, GiB(4));
  EXPECT_EQ(read->options.workers, 3);
  EXPECT_EQ(read->options.keep_whole, KeepWhole::file);
  EXPECT_EQ(read->forecast[0].peak, MiB(20));
  EXPECT_DOUBLE_EQ(read->forecast[0].work, 3);
  EXPECT_EQ(read->forecast[1].tests, 2);
}

TEST(SplitPlan, ReadsAsDocumented) {
  SplitPlan plan = sample();
  plan.groups[0].pop_back();
  EXPECT_EQ(plan.to_json(), R"({
 "format": "fittest-split-plan",
 "version": 1,
 "suite": "pytest",
 "algorithm": "balanced",
 "keep_whole": "file",
 "budget_bytes": 4294967296,
 "workers": 3,
 "groups": [
  {
   "expected_seconds": 2.0,
   "work_seconds": 3.0,
   "peak_bytes": 20971520,
   "tests": [
    "a.py::test_1"
   ]
  },
  {
   "expected_seconds": 2.5,
   "work_seconds": 3.0,
   "peak_bytes": 524288000,
   "tests": [
    "b.py::test_3",
    "c.py::test_4"
   ]
  }
 ]
}
)");
}

TEST(SplitPlan, SaysWhereItIsWrong) {
  EXPECT_EQ(problem("{\n  \"format\": \"fittest-split-plan\",\n  oops\n}"),
            "plan.json:3: no valid JSON\n  -> write the plan anew: fittest split --plan N --out FILE");
  EXPECT_THAT(problem(""), HasSubstr("plan.json:1: no valid JSON"));
  EXPECT_THAT(problem("[]"), HasSubstr("plan.json: the plan is no object"));
  EXPECT_THAT(problem("{}"), HasSubstr("plan.json: format is missing"));
  EXPECT_THAT(problem(changed("split-plan", "selection")), HasSubstr("format is not 'fittest-split-plan'"));
  EXPECT_THAT(problem(changed("\"version\": 1", "\"version\": 2")), HasSubstr("version is not 1"));
  EXPECT_THAT(problem(changed("\"balanced\"", "\"best\"")), HasSubstr("algorithm 'best' is no word known here"));
  EXPECT_THAT(problem(changed("\"workers\": 3", "\"workers\": -3")), HasSubstr("workers is no whole number"));
  EXPECT_THAT(problem(changed("\"workers\": 3", "\"workers\": 5000000000")), HasSubstr("workers is too large"));
  EXPECT_THAT(problem(changed("\"b.py::test_3\"", "7")), HasSubstr("groups[1].tests[0] is no text"));
  EXPECT_THAT(problem(changed("\"b.py::test_3\"", "\"a.py::test_1\"")),
              HasSubstr("groups[1].tests[0] 'a.py::test_1' is in groups[0] already"));
  EXPECT_THAT(problem(changed("\"peak_bytes\": 524288000", "\"peak_bytes\": 1e400")), HasSubstr("no valid JSON"));
  EXPECT_THAT(problem(changed("\"work_seconds\"", "\"wrk\"")), HasSubstr("groups[0].work_seconds is missing"));
}

TEST(SplitPlan, OfMutatedTextIsReadOrRefused) {
  std::mt19937_64 random(1);
  const std::string text = sample().to_json();
  int read = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string garbage = mutated(text, random, "{}[]\",:-9e.\\\n");
    const auto plan = SplitPlan::from_json(garbage, "plan.json");
    if (!plan) {
      EXPECT_FALSE(plan.error().what.empty());
      continue;
    }
    ++read;
    EXPECT_EQ(plan->groups.size(), plan->options.splits);
    for (const std::uint32_t group : groups_by_plan(*plan, list({"a.py::test_1", "x.py::test"}))) {
      EXPECT_LT(group, plan->options.splits);
    }
  }
  EXPECT_GT(read, 0);
}

SplitPlan plan_of(const std::vector<std::vector<std::string>>& groups, KeepWhole keep_whole = KeepWhole::nothing) {
  SplitPlan plan;
  plan.groups = groups;
  plan.options.splits = static_cast<unsigned>(groups.size());
  plan.options.keep_whole = keep_whole;
  plan.forecast.resize(groups.size());
  return plan;
}

TEST(GroupsByPlan, PutANewTestWhereItsFileIs) {
  const SplitPlan plan = plan_of({{"a.py::test_1"}, {"b.py::test_1"}, {"a.py::test_2", "c.py::test_1"}});
  EXPECT_THAT(
      groups_by_plan(plan, list({"a.py::test_1", "a.py::test_2", "b.py::test_new", "b.py::test_1", "c.py::test_new"})),
      ElementsAre(0, 2, 1, 1, 2));
}

TEST(GroupsByPlan, SpreadOtherNewTestsTheSameForEveryJob) {
  const SplitPlan plan = plan_of({{"a.py::test_1"}, {"a.py::test_2"}, {}, {}});
  std::vector<std::string> ids;
  for (int i = 0; i < 200; ++i) ids.push_back((i < 100 ? "a.py::test_new" : "z.py::test_new") + std::to_string(i));
  const auto together = groups_by_plan(plan, list(ids));
  std::vector<int> counts(4);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ++counts[together[i]];
    // Whatever else is collected.
    EXPECT_THAT(groups_by_plan(plan, list({ids[i]})), ElementsAre(together[i]));
  }
  for (const int count : counts) EXPECT_GT(count, 20);
}

TEST(GroupsByPlan, KeepNewTestsWithWhatTheyMustStayWith) {
  const SplitPlan plan = plan_of({{"a.py::A::test_1"}, {"a.py::B::test_1"}, {}}, KeepWhole::scope);
  EXPECT_THAT(groups_by_plan(plan, list({"a.py::A::test_0", "a.py::A::test_1", "a.py::B::test_9"})),
              ElementsAre(0, 0, 1));
  const auto fresh = groups_by_plan(plan, list({"a.py::C::test_1", "a.py::C::test_2", "a.py::C::test_3"}));
  EXPECT_EQ(std::set<std::uint32_t>(fresh.begin(), fresh.end()).size(), 1);
}

}  // namespace
}  // namespace fittest::select
