#include "suite/test_list.h"

#include <gtest/gtest.h>

namespace fittest::suite {
namespace {

TEST(TestList, KeepsIdsAndTraitsInTheirOrder) {
  TestList list;
  list.add("a.py::test_x[1]", {0, 4, false});
  list.add("", {1, 5, true});
  list.add(std::string("with\0zero", 9), {2, 6, false});
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list.id(0), "a.py::test_x[1]");
  EXPECT_EQ(list.id(1), "");
  EXPECT_EQ(list.id(2), std::string_view("with\0zero", 9));
  EXPECT_EQ(list.traits(1).file, 1U);
  EXPECT_EQ(list.traits(1).group, 5U);
  EXPECT_TRUE(list.traits(1).shares_setup);
  EXPECT_FALSE(list.traits(2).shares_setup);
}

TEST(TestList, HoldsAHundredThousandTests) {
  const auto id_of = [](TestIndex i) {
    return "tests/unit/test_" + std::to_string(i / 100) + ".py::TestOf" + std::to_string(i % 7) + "::test_" +
           std::to_string(i) + std::string(i % 50, '~');
  };
  TestList list;
  constexpr TestIndex kMany = 100'000;
  for (TestIndex i = 0; i < kMany; ++i) list.add(id_of(i), {i / 100, i / 3, i % 2 == 1});
  ASSERT_EQ(list.size(), kMany);
  for (TestIndex i = 0; i < kMany; ++i) {
    ASSERT_EQ(list.id(i), id_of(i));
    ASSERT_EQ(list.traits(i).file, i / 100);
    ASSERT_EQ(list.traits(i).group, i / 3);
    ASSERT_EQ(list.traits(i).shares_setup, i % 2 == 1);
  }
}

}  // namespace
}  // namespace fittest::suite
