#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "heap/read/trace_reader.h"
#include "heap/trace_writer.h"
#include "memory_file.h"

namespace fittest::heap {
namespace {

using trace::Kind;
using trace::Mode;

trace::Counters counters(std::uint64_t live, std::uint64_t peak) {
  trace::Counters counters{};
  counters.live = live;
  counters.peak = peak;
  return counters;
}

std::map<std::pair<std::uint32_t, Kind>, std::pair<double, double>> table(const TestProfile& test) {
  std::map<std::pair<std::uint32_t, Kind>, std::pair<double, double>> table;
  for (const TestFigures& figures : test.figures) {
    table[{figures.stack, figures.kind}] = {figures.total.bytes, figures.kept.bytes};
  }
  return table;
}

TEST(Sections, EachTestHasItsOwnFigures) {
  TraceWriter writer(new_header(Mode::exact));
  auto& out = writer.records();
  out.stack({1});
  out.stack({2});
  out.alloc(0x10, 1, 0);  // in no test
  out.mark("a", counters(1, 1));
  out.alloc(0x20, 10, 0);
  out.alloc(0x30, 20, 1);
  out.alloc(0x40, 40, 1);
  out.free(0x10);
  out.free(0x40);
  out.mark("", counters(30, 71));
  out.alloc(0x50, 5, 0);
  out.free(0x30);  // after its test
  out.mark("b", counters(15, 15));
  out.alloc(0x60, 100, 1);
  out.alloc(0x10'0000, 8192, 1, Kind::mapped);
  out.unmap(0x10'1000, 4096);
  out.mark("c", counters(115, 120));  // b was not said to have ended
  out.alloc(0x70, 200, 1);
  out.free(0x60);
  out.unmap(0x10'0000, 4096);
  writer.header().counters = counters(215, 300);

  std::vector<TestProfile> told;
  ReadOptions options;
  options.on_test = [&](const TestProfile& test) { told.push_back(test); };
  const Profile profile = profile_of(writer.bytes(), options);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].name, "a");
  EXPECT_EQ(told[0].begin.live, 1U);
  EXPECT_EQ(told[0].end.live, 30U);
  EXPECT_EQ(told[0].peak, 71U);
  EXPECT_TRUE(told[0].ended);
  using Table = decltype(table(told[0]));
  EXPECT_EQ(table(told[0]), (Table{{{0, Kind::heap}, {10, 10}}, {{1, Kind::heap}, {60, 20}}}));
  EXPECT_EQ(told[1].name, "b");
  EXPECT_EQ(table(told[1]), (Table{{{1, Kind::heap}, {100, 100}}, {{1, Kind::mapped}, {8192, 4096}}}));

  ASSERT_EQ(profile.tests.size(), 3U);
  EXPECT_EQ(table(profile.tests[0]), (Table{{{0, Kind::heap}, {10, 10}}}));
  EXPECT_EQ(table(profile.tests[1]), Table{});
  EXPECT_EQ(table(profile.tests[2]), (Table{{{1, Kind::heap}, {200, 200}}}));
  EXPECT_FALSE(profile.tests[2].ended);
  EXPECT_EQ(profile.tests[2].peak, 300U);
  // What tests had apart is in the sums as well.
  EXPECT_EQ(profile.leaked.bytes, 10 + 5 + 200);
  EXPECT_EQ(profile.total.bytes, 1 + 10 + 20 + 40 + 5 + 100 + 8192 + 200);

  const Profile without = profile_of(writer.bytes());
  EXPECT_EQ(without.tests.size(), 3U);
  EXPECT_TRUE(without.tests[0].figures.empty());
  EXPECT_EQ(without.leaked.bytes, profile.leaked.bytes);
  EXPECT_EQ(without.peak.bytes, profile.peak.bytes);
}

TEST(Sections, WhatATestKeptIsRememberedWhereSomeOfItStaysAlive) {
  TraceWriter writer(new_header(Mode::exact));
  auto& out = writer.records();
  out.stack({1});
  out.mark("a", {});
  for (std::uint64_t i = 1; i <= 5; ++i) out.alloc(i * 0x100, 10, 0);
  out.free(0x100);
  out.mark("", {});
  out.mark("b", {});
  out.free(0x200);  // of a
  out.alloc(0x1000, 7, 0);
  out.mark("", {});
  out.free(0x300);
  out.free(0x1000);
  out.mark("c", {});
  out.alloc(0x2000, 3, 0);

  std::vector<TestProfile> told;
  ReadOptions options;
  options.on_test = [&](const TestProfile& test) { told.push_back(test); };
  const Profile profile = profile_of(writer.bytes(), options);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].figures.at(0).kept.bytes, 40);
  EXPECT_EQ(told[0].figures.at(0).alive.bytes, 40);
  EXPECT_EQ(told[1].figures.at(0).kept.bytes, 7);
  ASSERT_EQ(profile.tests.size(), 3U);
  ASSERT_EQ(profile.tests[0].figures.size(), 1U);
  EXPECT_EQ(profile.tests[0].figures[0].total.bytes, 50);
  EXPECT_EQ(profile.tests[0].figures[0].kept.bytes, 40);
  EXPECT_EQ(profile.tests[0].figures[0].alive.bytes, 20);
  EXPECT_THAT(profile.tests[1].figures, testing::IsEmpty());
  EXPECT_EQ(profile.tests[2].figures.at(0).kept.bytes, 3);  // it runs
  EXPECT_EQ(profile.tests[2].figures.at(0).alive.bytes, 3);
}

TEST(Sections, TwentyThousandTestsTakeNoMoreThanTheyLeaveBehind) {
  TraceWriter writer(new_header(Mode::exact));
  constexpr std::uint32_t kStacks = 200;
  for (std::uint32_t i = 0; i < kStacks; ++i) writer.records().stack({i + 1});
  constexpr std::uint64_t kTests = 20'000;
  for (std::uint64_t test = 0; test < kTests; ++test) {
    writer.records().mark("tests/test_file.py::test_" + std::to_string(test), {});
    for (std::uint32_t i = 0; i < kStacks; ++i) writer.records().alloc(0x1000 + i * 64, 32, i);
    for (std::uint32_t i = 0; i < kStacks; ++i) writer.records().free(0x1000 + i * 64);
    if (test % 100 == 0) writer.records().alloc(0x100'0000 + test * 64, 1, 0);
    writer.records().mark("", {});
  }
  std::uint64_t told = 0;
  double kept = 0;
  ReadOptions options;
  // A cell of each of 200 stacks for each of 20,000 tests would be several times as much.
  options.memory = std::uint64_t{32} << 20;
  options.on_test = [&](const TestProfile& test) {
    ++told;
    EXPECT_EQ(test.figures.size(), kStacks);
    for (const TestFigures& figures : test.figures) kept += figures.kept.bytes;
  };
  const Profile profile = profile_of(writer.bytes(), options);
  EXPECT_THAT(profile.problems, testing::IsEmpty());
  EXPECT_EQ(told, kTests);
  EXPECT_EQ(kept, 200);
  double at_end = 0;
  for (const TestProfile& test : profile.tests) {
    for (const TestFigures& figures : test.figures) at_end += figures.kept.bytes;
  }
  EXPECT_EQ(at_end, 200);
}

TEST(Sections, SampledTestsAreEstimates) {
  TraceWriter writer(new_header(Mode::sample, 1000));
  writer.records().stack({1});
  writer.records().mark("a", {});
  writer.records().alloc(0x10, 100, 0, Kind::heap, true);
  writer.records().alloc(0x20, 100, 0, Kind::heap, true);
  writer.records().free(0x10);
  writer.records().mark("", {});
  writer.records().free(0x20);
  TestProfile told;
  ReadOptions options;
  options.on_test = [&](const TestProfile& test) { told = test; };
  const Profile profile = profile_of(writer.bytes(), options);
  ASSERT_EQ(told.figures.size(), 1U);
  const double p = 1 - std::exp(-(100.0 + trace::kSampledExtra) / 1000);
  EXPECT_NEAR(told.figures[0].total.bytes, 200 / p, 1e-6);
  EXPECT_NEAR(told.figures[0].kept.bytes, 100 / p, 1e-6);
  EXPECT_NEAR(told.figures[0].kept.variance, 10'000 * (1 - p) / (p * p), 1e-6);
  EXPECT_EQ(profile.leaked.bytes, 0);
}

}  // namespace
}  // namespace fittest::heap
