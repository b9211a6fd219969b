#include "heap/read/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "heap/trace_writer.h"
#include "memory_file.h"

namespace fittest::heap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using trace::Kind;
using trace::Mode;

Profile of_process(std::uint32_t process, bool other_order) {
  trace::Header header = new_header(Mode::exact);
  header.process = process;
  header.counters.peak = 100;
  TraceWriter writer(header);
  auto& out = writer.records();
  if (other_order) out.module("/own.so", "O", 0, 0x9000, 0xA000);
  out.module("/a.so", "A", 0, 0x1000, 0x2000);
  if (other_order) out.code("g", "g.py", 1, 11, "");
  out.code("f", "f.py", 1, 11, "");
  if (other_order) out.stack({0x9100});
  out.stack({0x1100, 0x1200}, {{other_order ? 1U : 0U, 4, true}});
  const std::uint32_t shared = other_order ? 1 : 0;
  out.mark("test", {});
  out.alloc(0x100, 10, shared);
  if (other_order) out.alloc(0x200, 5, 0);
  out.alloc(0x300, 1, shared, Kind::mapped);
  out.lost(1, "full");
  return profile_of(writer.bytes());
}

TEST(Merge, WhatIsTheSameBecomesOne) {
  std::vector<Profile> profiles{of_process(1, false), of_process(2, true)};
  const Profile merged = merge(std::move(profiles));
  EXPECT_EQ(merged.process, 1U);
  EXPECT_EQ(merged.modules.size(), 2U);
  EXPECT_EQ(merged.codes.size(), 2U);
  ASSERT_EQ(merged.stacks.size(), 2U);
  EXPECT_EQ(merged.modules[merged.stacks[0].native[0].module].path, "/a.so");
  EXPECT_EQ(merged.codes[merged.stacks[0].python[0].code].name, "f");
  EXPECT_EQ(merged.modules[merged.stacks[1].native[0].module].path, "/own.so");
  ASSERT_EQ(merged.figures.size(), 3U);
  EXPECT_EQ(merged.figures[0].stack, 0U);
  EXPECT_EQ(merged.figures[0].total.bytes, 20);
  EXPECT_EQ(merged.figures[0].peak.count, 2);
  EXPECT_EQ(merged.figures[1].kind, Kind::mapped);
  EXPECT_EQ(merged.figures[2].leaked.bytes, 5);
  EXPECT_EQ(merged.total.bytes, 27);
  EXPECT_EQ(merged.counters.peak, 200U);
  EXPECT_EQ(merged.lost, 2U);
  EXPECT_EQ(merged.tests.size(), 1U);
  EXPECT_THAT(merged.problems, ElementsAre(HasSubstr("process 1: 1 alloc"), HasSubstr("process 2: 1 alloc")));
  EXPECT_THAT(merged.sizes.counts, ElementsAre(2, 0, 1, 2));
}

TEST(Merge, NumbersOfStacksAreTold) {
  std::vector<Profile> profiles{of_process(1, false), of_process(2, true)};
  const Merged merged = merge_with_numbers(std::move(profiles));
  EXPECT_THAT(merged.stacks, ElementsAre(ElementsAre(0), ElementsAre(1, 0)));
  EXPECT_EQ(merged.profile.stacks.size(), 2U);
}

TEST(Merge, OneAloneStaysAsItIs) {
  std::vector<Profile> profiles{of_process(2, true)};
  const Profile merged = merge(std::move(profiles));
  EXPECT_EQ(merged.figures.size(), 3U);
  EXPECT_EQ(merged.stacks.size(), 2U);
  EXPECT_THAT(merged.problems, ElementsAre("1 allocations were not recorded: full"));
  EXPECT_EQ(merge({}).process, 0U);
}

}  // namespace
}  // namespace fittest::heap
