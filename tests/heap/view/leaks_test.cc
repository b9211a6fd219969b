#include "heap/view/leaks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../../report/snapshot.h"
#include "heap/view/leaks_text.h"
#include "profiles.h"

namespace fittest::heap {
namespace {

using report::matches_snapshot;
using testing::ElementsAre;
using testing::IsEmpty;
using trace::Kind;

Amount kib(double amount, double deviation = 0) {
  if (amount == 0) return {};
  return {amount * 1024, 1, deviation * 1024 * deviation * 1024};
}

// What a test did at one stack: of what it allocated, so much was alive when it ended, and so much at the very end.
struct Did {
  std::uint32_t stack;
  Amount kept, alive;
  Kind kind = Kind::heap;
};
Did left(std::uint32_t stack, double amount) {
  return {stack, kib(amount), kib(amount)};
}
Did freed(std::uint32_t stack, double amount) {
  return {stack, kib(amount), {}};
}
Did came_by(std::uint32_t stack) {
  return {stack, {}, {}};
}

// The names of stacks, for all processes of a run.
class Names {
 public:
  std::uint32_t stack(const std::vector<Line>& lines) {
    std::vector<std::uint32_t> frames;
    for (const Line& line : lines) {
      const auto found = std::ranges::find(lines_, line);
      frames.push_back(static_cast<std::uint32_t>(found - lines_.begin()));
      if (found == lines_.end()) lines_.push_back(line);
    }
    stacks_.push_back(frames);
    return static_cast<std::uint32_t>(stacks_.size()) - 1;
  }
  // One that a test's body reached by these frames.
  std::uint32_t of_test(std::vector<Line> lines, std::uint32_t test_line) {
    lines.push_back(python("test_it", "/srv/tests/test_a.py", test_line));
    lines.push_back(python("pytest_pyfunc_call", "/usr/lib/_pytest/python.py", 166));
    lines.push_back(python("_multicall", "/usr/lib/pluggy/_callers.py", 121));
    return stack(lines);
  }
  std::uint32_t helper(std::uint32_t test_line = 10) {
    return of_test({python("helper", "/srv/app/helper.py", 3)}, test_line);
  }
  [[nodiscard]] NamesOf names() const {
    return {[this](std::uint32_t stack) { return stacks_.at(stack); },
            [this](std::uint32_t number) -> const Line& { return lines_.at(number); }};
  }
  [[nodiscard]] const std::vector<std::vector<std::uint32_t>>& stacks() const { return stacks_; }

 private:
  std::vector<Line> lines_;
  std::vector<std::vector<std::uint32_t>> stacks_;
};

// One worker and its tests, in their order.
class Process {
 public:
  explicit Process(const Names& names) : names_(names) {}

  Process& test(const std::string& name, const std::vector<Did>& did) {
    TestProfile test;
    test.index = static_cast<std::uint32_t>(profile_.tests.size());
    test.name = name;
    test.ended = true;
    for (const Did& one : did) test.figures.push_back({one.stack, one.kind, one.kept, one.kept, one.kept});
    sums_.add(test);
    test.figures.clear();
    for (const Did& one : did) {
      if (one.alive.bytes > 0) test.figures.push_back({one.stack, one.kind, one.kept, one.kept, one.alive});
    }
    profile_.tests.push_back(std::move(test));
    return *this;
  }
  // So many tests, each of which did the same.
  Process& tests(int count, const std::string& name, const std::vector<Did>& did) {
    for (int i = 0; i < count; ++i) test(name + "[" + std::to_string(i) + "]", did);
    return *this;
  }
  // One that was not at its end when the process ended.
  Process& running(const std::string& name, const Did& did) {
    TestProfile test;
    test.index = static_cast<std::uint32_t>(profile_.tests.size());
    test.name = name;
    test.figures.push_back({did.stack, did.kind, did.kept, did.kept, did.alive});
    profile_.tests.push_back(std::move(test));
    return *this;
  }
  [[nodiscard]] TestLeftovers take() {
    // The innermost function, as its number is in a trace.
    for (const std::vector<std::uint32_t>& frames : names_.stacks()) {
      Stack stack;
      stack.python.push_back({frames.empty() ? UINT32_MAX : frames.front(), 0, true});
      profile_.stacks.push_back(std::move(stack));
    }
    return sums_.take(profile_);
  }

 private:
  const Names& names_;
  Profile profile_;
  LeftoverSums sums_;
};

Leaks leaks(const Names& names, std::vector<Process> processes, const LeakOptions& options = {}) {
  std::vector<TestLeftovers> taken;
  for (Process& process : processes) taken.push_back(process.take());
  return leaks_of(taken, names.names(), options);
}

std::vector<std::string> functions(const Leaks& leaks, const Leak& leak) {
  std::vector<std::string> out;
  for (const std::uint32_t frame : leak.frames) out.push_back(leaks.lines[frame].function);
  return out;
}

// What one stack looks like to which the tests of one process did this, in their order.
Looks looks(const std::vector<double>& left_by_each, double deviation = 0) {
  Names names;
  const std::uint32_t stack = names.helper();
  Process process(names);
  int number = 0;
  for (const double amount : left_by_each) {
    const Amount each = kib(amount, amount * deviation);
    process.test("test_" + std::to_string(number++), {{stack, each, each}});
  }
  const Leaks found = leaks(names, {process});
  return found.stacks.at(0).looks;
}

TEST(Leaks, WhatWasLeftIsByStackAndTest) {
  Names names;
  const std::uint32_t small = names.helper();
  const std::uint32_t large = names.of_test({python("grow", "/srv/app/table.py", 9)}, 20);
  Process process(names);
  process.test("a", {left(small, 10), {large, kib(100), kib(60)}});
  process.test("b", {left(small, 30), freed(large, 1000)});
  process.running("c", left(small, 500));
  const Leaks found = leaks(names, {process});
  EXPECT_EQ(found.processes, 1U);
  EXPECT_EQ(found.tests, 2U);
  EXPECT_EQ(found.leaving, 2U);
  EXPECT_EQ(found.alive.bytes, 100 * 1024);
  EXPECT_EQ(found.freed.bytes, 1040 * 1024);
  ASSERT_EQ(found.stacks.size(), 2U);
  const Leak& first = found.stacks[0];
  EXPECT_EQ(first.alive.bytes, 60 * 1024);
  EXPECT_EQ(first.kept.bytes, 1100 * 1024);
  ASSERT_EQ(first.tests.size(), 1U);
  EXPECT_EQ(first.tests[0].name, "a");
  EXPECT_EQ(first.tests[0].kept.bytes, 100 * 1024);
  EXPECT_EQ(first.tests[0].alive.bytes, 60 * 1024);
  const Leak& second = found.stacks[1];
  ASSERT_EQ(second.tests.size(), 2U);
  EXPECT_EQ(second.tests[0].name, "b");  // the larger
  EXPECT_EQ(second.tests[0].alive.bytes, 30 * 1024);
}

TEST(Leaks, NothingLeft) {
  Names names;
  const std::uint32_t stack = names.helper();
  Process process(names);
  process.test("a", {freed(stack, 10)}).test("b", {came_by(stack)});
  const Leaks found = leaks(names, {process});
  EXPECT_THAT(found.stacks, IsEmpty());
  EXPECT_EQ(found.freed.bytes, 10 * 1024);
  EXPECT_EQ(leaks_summary(found, 5, "command", "", kNarrow), "");
  EXPECT_THAT(leaks_text(found, {}, {}, kNarrow), testing::HasSubstr("nothing that a test made was alive"));
}

TEST(Leaks, WhatGrowsWithTheTestsLooksLikeALeak) {
  EXPECT_EQ(looks({1, 1}), Looks::leak);
  EXPECT_EQ(looks({1, 1, 1, 1, 1, 1}), Looks::leak);
  EXPECT_EQ(looks({1, 0, 0, 1, 0, 0, 0, 1}), Looks::leak);
  EXPECT_EQ(looks({0, 0, 0, 0, 2, 0, 1, 0}), Looks::leak);
}

TEST(Leaks, WhatIsFullByTheMiddleLooksLikeACache) {
  EXPECT_EQ(looks({5, 0}), Looks::cache);
  EXPECT_EQ(looks({5, 0, 0, 0, 0, 0, 0, 0}), Looks::cache);
  EXPECT_EQ(looks({5, 4, 0, 2, 0, 0, 0, 0}), Looks::cache);
}

TEST(Leaks, OneTestAloneSaysNothing) {
  EXPECT_EQ(looks({5}), Looks::unknown);
  EXPECT_EQ(looks({0, 0, 0, 5}), Looks::unknown);
  EXPECT_EQ(looks({0, 0, 5, 0}), Looks::unknown);
}

TEST(Leaks, AFewSamplesMakeNoCache) {
  EXPECT_EQ(looks({5, 0, 0, 0}, 0.6), Looks::unknown);  // within its error of nothing, as the others were
  EXPECT_EQ(looks({5, 0, 0, 0}, 0.2), Looks::cache);
  EXPECT_EQ(looks({5, 5, 0, 5}, 0.9), Looks::leak);
}

TEST(Leaks, CachesAreOfAProcess) {
  Names names;
  const std::uint32_t stack = names.helper();
  Process a(names), b(names), c(names);
  a.test("a1", {left(stack, 1)}).tests(3, "a2", {came_by(stack)});
  b.test("b1", {left(stack, 1)}).tests(3, "b2", {came_by(stack)});
  EXPECT_EQ(leaks(names, {a, b}).stacks.at(0).looks, Looks::cache);
  c.tests(3, "c", {left(stack, 1)});
  const Leaks found = leaks(names, {a, b, c});
  ASSERT_EQ(found.stacks.size(), 1U);
  EXPECT_EQ(found.stacks[0].looks, Looks::leak);
  EXPECT_EQ(found.stacks[0].tests.size(), 5U);
  EXPECT_EQ(found.processes, 3U);

  // Two tests in two processes: each is the only one that came by.
  Process d(names), e(names);
  d.test("d", {left(stack, 1)});
  e.test("e", {left(stack, 1)});
  EXPECT_EQ(leaks(names, {d, e}).stacks.at(0).looks, Looks::unknown);
}

TEST(Leaks, TestsThatReachOneFunctionAreOneEntry) {
  Names names;
  const std::uint32_t one = names.helper(10);
  const std::uint32_t other = names.helper(20);
  Process process(names);
  process.test("a", {left(one, 1)}).test("b", {left(other, 2)});
  const Leaks found = leaks(names, {process});
  ASSERT_EQ(found.stacks.size(), 1U);
  EXPECT_EQ(found.stacks[0].looks, Looks::leak);
  EXPECT_THAT(functions(found, found.stacks[0]), ElementsAre("helper"));

  // By one line of a test alone: the line is told.
  Process alone(names);
  alone.tests(2, "a", {left(one, 1)});
  const Leaks of_one = leaks(names, {alone});
  EXPECT_THAT(functions(of_one, of_one.stacks.at(0)), ElementsAre("helper", "test_it"));
}

TEST(Leaks, ATestThatComesByWithoutLeavingCountsFromAnotherStack) {
  Names names;
  const std::uint32_t one = names.helper(10);
  const std::uint32_t other = names.helper(20);
  Process process(names);
  process.test("a", {left(one, 1)}).test("b", {came_by(other)});
  EXPECT_EQ(leaks(names, {process}).stacks.at(0).looks, Looks::cache);
}

TEST(Leaks, StacksOfFunctionsThatLeftNothingAreNotKept) {
  Names names;
  const std::uint32_t leaking = names.helper();
  const std::uint32_t clean = names.of_test({python("clean", "/srv/app/clean.py", 1)}, 11);
  Process process(names);
  process.tests(3, "a", {left(leaking, 1), freed(clean, 5)});
  const TestLeftovers taken = process.take();
  ASSERT_EQ(taken.stacks.size(), 1U);
  EXPECT_EQ(taken.stacks[0].stack, leaking);
  EXPECT_EQ(taken.kept.bytes, 18 * 1024);
}

TEST(Leaks, TheTestsOwnPlaceIsKeptWhereItIsAllThereIs) {
  Names names;
  const std::uint32_t by_python = names.of_test({}, 10);
  const std::uint32_t by_c = names.of_test({native("ffi_call", "", 0, "/usr/lib/libffi.so.8")}, 11);
  Process process(names);
  process.test("a", {left(by_python, 2), left(by_c, 1)});
  const Leaks found = leaks(names, {process});
  ASSERT_EQ(found.stacks.size(), 2U);
  EXPECT_THAT(functions(found, found.stacks[0]), ElementsAre("test_it"));
  EXPECT_THAT(functions(found, found.stacks[1]), ElementsAre("ffi_call", "test_it"));
}

TEST(Leaks, FixturesAndUnittestHaveDoorsOfTheirOwn) {
  Names names;
  const std::uint32_t fixture = names.stack(
      {python("data", "/srv/conftest.py", 4), python("call_fixture_func", "/usr/lib/_pytest/fixtures.py", 900)});
  const std::uint32_t method =
      names.stack({python("helper", "/srv/app/helper.py", 3), python("TestThat.test_it", "/srv/test_b.py", 7),
                   python("TestCase._callTestMethod", "/usr/lib/unittest/case.py", 579)});
  Process process(names);
  process.test("a", {left(fixture, 2), left(method, 1)});
  const Leaks found = leaks(names, {process});
  ASSERT_EQ(found.stacks.size(), 2U);
  EXPECT_THAT(functions(found, found.stacks[0]), ElementsAre("data"));
  const Leaks twice = leaks(names, {process, Process(names).test("b", {left(names.helper(), 1)})});
  EXPECT_THAT(functions(twice, twice.stacks[1]), ElementsAre("helper"));
}

TEST(Leaks, WhatPytestKeepsIsApart) {
  Names names;
  const std::uint32_t own = names.stack({python("TestReport.__init__", "/usr/lib/_pytest/reports.py", 300),
                                         python("_multicall", "/usr/lib/pluggy/_callers.py", 121)});
  const std::uint32_t at_door = names.stack({python("pytest_pyfunc_call", "/usr/lib/_pytest/python.py", 166)});
  const std::uint32_t stack = names.helper();
  Process process(names);
  process.test("a", {left(own, 7), left(at_door, 1), left(stack, 1)});
  const Leaks found = leaks(names, {process});
  EXPECT_EQ(found.stacks.size(), 1U);
  EXPECT_EQ(found.alive.bytes, 1024);
  EXPECT_EQ(found.frameworks.bytes, 8 * 1024);
}

TEST(Leaks, AnImportIsOneEntryAndACache) {
  Names names;
  const Line import = python("_find_and_load", "<frozen importlib._bootstrap>", 1027);
  const std::uint32_t code =
      names.of_test({python("get_data", "<frozen importlib._bootstrap_external>", 1073), import}, 10);
  const std::uint32_t inner = names.of_test(
      {python("<module>", "/srv/app/big.py", 1), import, python("<module>", "/srv/app/a.py", 2), import}, 10);
  Process process(names);
  process.test("a", {left(code, 2), left(inner, 1)});
  const Leaks found = leaks(names, {process});
  ASSERT_EQ(found.stacks.size(), 1U);
  EXPECT_EQ(found.stacks[0].looks, Looks::cache);
  EXPECT_EQ(found.stacks[0].alive.bytes, 3 * 1024);
  EXPECT_THAT(functions(found, found.stacks[0]), ElementsAre("_find_and_load", "test_it"));
}

TEST(Leaks, PiecesOfPythonsPoolAreOneEntry) {
  Names names;
  const std::uint32_t one = names.helper(10);
  const std::uint32_t other = names.of_test({python("other", "/srv/app/other.py", 1)}, 12);
  Process process(names);
  process.test("a", {{one, kib(1024), kib(1024), Kind::mapped}, left(one, 5)});
  process.test("b", {{other, kib(1024), kib(1024), Kind::mapped}});
  LeakOptions options;
  options.is_pool = [](const StackOfTests& stack) { return stack.kind == Kind::mapped; };
  const Leaks found = leaks(names, {process}, options);
  ASSERT_EQ(found.stacks.size(), 2U);
  EXPECT_EQ(found.stacks[0].alive.bytes, 2048 * 1024);
  EXPECT_EQ(found.stacks[0].tests.size(), 2U);
  EXPECT_THAT(functions(found, found.stacks[0]), ElementsAre("[Python's pool of small objects]"));
  EXPECT_THAT(functions(found, found.stacks[1]), ElementsAre("helper", "test_it"));
}

TEST(Leaks, OfChosenTests) {
  Names names;
  const std::uint32_t stack = names.helper();
  Process process(names);
  process.test("tests/test_a.py::test_b", {left(stack, 1)});
  process.test("tests/test_c.py::test_d[1]", {left(stack, 2)});
  process.test("tests/test_c.py::test_d[2]", {left(stack, 4)});
  LeakOptions options;
  const auto alive = [&](const char* glob) {
    options.test = glob;
    const Leaks found = leaks(names, {process}, options);
    for (const Leak& leak : found.stacks) EXPECT_EQ(leak.looks, Looks::leak);  // by all of them
    return found.alive.bytes / 1024;
  };
  EXPECT_EQ(alive("tests/test_c.py"), 6);
  EXPECT_EQ(alive("tests/test_c.py::test_d"), 6);
  EXPECT_EQ(alive("*test_d[1]"), 2);
  EXPECT_EQ(alive("*"), 7);
  EXPECT_EQ(alive("test_a"), 0);
}

// Texts: a leak of several tests, a cache, a leak by C in one test, a stack that nobody knows.
Leaks some_leaks() {
  Names names;
  const std::uint32_t leak =
      names.of_test({python("Pool.lend", "/srv/app/pool.py", 31), python("fetch", "/srv/app/fetch.py", 8)}, 12);
  const std::uint32_t cache = names.of_test({python("table", "/srv/app/cache.py", 5)}, 20);
  const std::uint32_t by_c = names.of_test({native("ffi_call", "", 0, "/usr/lib/libffi.so.8")}, 31);
  const std::uint32_t unknown = names.stack({});
  Process process(names);
  process.test("tests/test_a.py::test_table", {left(cache, 300)});
  for (int i = 0; i < 4; ++i) {
    const Amount each{(300.0 + i) * 1024, 4, 1e9};
    process.test("tests/test_a.py::test_fetch[a_parameter_with_a_long_name-" + std::to_string(i) + "]",
                 {{leak, {each.bytes + 65536, 5, 1e9}, each}, came_by(cache), freed(cache, 20)});
  }
  process.test("tests/test_b.py::test_c", {left(by_c, 64), {unknown, kib(1), kib(1), Kind::mapped}});
  return leaks(names, {process});
}

TEST(LeaksText, ForAPerson) {
  EXPECT_TRUE(matches_snapshot("leaks", leaks_text(some_leaks(), {"block 2 of a.heap is damaged"}, {}, kNarrow)));
  LeaksTextOptions options;
  options.limit = 1;
  EXPECT_TRUE(matches_snapshot("leaks_limited", leaks_text(some_leaks(), {}, options, kNarrow)));
}

TEST(LeaksText, AtTheEndOfARun) {
  EXPECT_TRUE(
      matches_snapshot("leaks_summary", leaks_summary(some_leaks(), 3, "fittest heap leaks FOLDER", "", kNarrow)));
  EXPECT_TRUE(matches_snapshot("leaks_summary_missing",
                               leaks_summary({}, 3, "fittest heap leaks FOLDER", "2 of 5 traces: too large", kNarrow)));
}

TEST(LeaksText, ForPrograms) {
  EXPECT_TRUE(matches_snapshot("leaks_json", leaks_json(some_leaks(), {}, 0)));
}

}  // namespace
}  // namespace fittest::heap
