#include <gtest/gtest.h>

#include "profiles.h"

namespace fittest::heap {
namespace {

std::vector<std::string> functions(const Stacks& stacks, const StackRow& row) {
  std::vector<std::string> out;
  for (const std::uint32_t frame : row.frames) out.push_back(stacks.lines[frame].function);
  return out;
}

using Names = std::vector<std::string>;

TEST(Stacks, ThatReadTheSameAreOne) {
  const Stacks stacks = python_program().gathered();
  ASSERT_EQ(stacks.rows.size(), 3U);
  EXPECT_EQ(functions(stacks, stacks.rows[0]), (Names{"Loader.load", "main", "<module>"}));
  EXPECT_DOUBLE_EQ(stacks.rows[0].amounts[0].bytes, (262'144 + 65'536) * 1024.0);
}

TEST(Stacks, LeaveOffTheFunctionsThatAllocateForOthers) {
  const Stacks stacks = native_program().gathered();
  EXPECT_EQ(functions(stacks, stacks.rows[1]), (Names{"Table::grow()", "main", "__libc_start_call_main"}));
  EXPECT_EQ(functions(stacks, stacks.rows[0])[1], "parse(char const*)");
}

TEST(Stacks, KeepTheAllocatorIfThereIsNothingElse) {
  Made made;
  made.stack({native("malloc", "", 0)}, kib(1, 1, 1, 0));
  EXPECT_EQ(functions(made.gathered(), made.gathered().rows[0]), Names{"malloc"});
}

TEST(Stacks, SayThatAStackIsUnknown) {
  const Stacks stacks = native_program().gathered();
  EXPECT_EQ(functions(stacks, stacks.rows[3]), Names{"[stack unknown]"});
}

TEST(Stacks, AreKeptApartByKindOfMemory) {
  Made made;
  made.stack({native("f", "", 0)}, kib(1, 1, 1, 0));
  made.stack({native("f", "", 0)}, kib(2, 2, 2, 0), trace::Kind::mapped);
  EXPECT_EQ(made.gathered().rows.size(), 2U);
}

TEST(Stacks, SumWhatTheyHold) {
  const Made made = python_program();
  const Stacks stacks = made.gathered();
  for (const Measure measure : kMeasures) {
    EXPECT_DOUBLE_EQ(of(stacks.sums, measure).bytes, of(amounts_of(made.profile), measure).bytes) << word(measure);
    EXPECT_DOUBLE_EQ(of(stacks.sums, measure).variance, of(amounts_of(made.profile), measure).variance);
  }
}

TEST(Stacks, CountWhatPythonGaveOutAsAnythingElse) {
  Made made;
  made.stack({python("f", "a.py", 1)}, kib(8, 8, 0, 0), trace::Kind::mapped);
  made.stack({python("f", "a.py", 1)}, kib(5, 5, 0, 0), trace::Kind::python_object);
  const Stacks stacks = made.gathered();
  EXPECT_EQ(stacks.rows.size(), 2U);
  EXPECT_DOUBLE_EQ(stacks.sums[0].bytes, 13 * 1024);
}

TEST(Stacks, RankedLeavesOutWhatHasNothing) {
  const Stacks stacks = python_program().gathered();
  const auto ranked = stacks.ranked(Measure::leaked);
  ASSERT_EQ(ranked.size(), 2U);
  EXPECT_EQ(functions(stacks, *ranked[0])[0], "remember");
}

TEST(ShortFunction, LeavesOutTemplateArgumentsFirst) {
  const std::string name = "std::vector<std::map<int, char>>::push_back(std::pair<int, char>)";
  EXPECT_EQ(short_function(name, 0), name);
  EXPECT_EQ(short_function(name, 45), "std::vector<>::push_back(std::pair<>)");
  EXPECT_LE(short_function(name, 20).size(), 20U);
  EXPECT_EQ(short_function("bool operator< <int>(Aaaaaa<int> const&, Bbbb<int>)", 45),
            "bool operator< <>(Aaaaaa<> const&, Bbbb<>)");
  EXPECT_EQ(short_function("Handle<Thing>::operator->()", 24), "Handle<>::operator->()");
  EXPECT_EQ(short_function("evil\x1b[2Jname\n", 0), "evil [2Jname");
}

}  // namespace
}  // namespace fittest::heap
