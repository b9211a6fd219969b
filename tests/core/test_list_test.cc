#include "core/test_list.h"

#include <gtest/gtest.h>

namespace fittest {
namespace {

TEST(TestList, KeepsIdsAndTraitsInTheirOrder) {
  TestList list;
  list.add("a.py::test_x[1]", {0, 4, false, 0});
  list.add("", {1, 5, true, 0});
  list.add(std::string("with\0zero", 9), {2, 6, false, 0});
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list.id(0), "a.py::test_x[1]");
  EXPECT_EQ(list.id(1), "");
  EXPECT_EQ(list.id(2), std::string_view("with\0zero", 9));
  EXPECT_EQ(list.traits(1).file, 1U);
  EXPECT_EQ(list.traits(1).group, 5U);
  EXPECT_TRUE(list.traits(1).shares_setup);
  EXPECT_FALSE(list.traits(2).shares_setup);
}

TEST(TestList, SharesSetsOfLabels) {
  TestList list;
  EXPECT_EQ(list.add_labels({}), 0U);
  const std::uint32_t unit = list.add_labels({"unit"});
  const std::uint32_t both = list.add_labels({"unit", "slow"});
  EXPECT_EQ(list.add_labels({"unit"}), unit);
  EXPECT_NE(unit, both);
  list.add("a", {0, 0, false, both});
  list.add("b", {});
  EXPECT_EQ(list.labels(0), (std::vector<std::string>{"unit", "slow"}));
  EXPECT_TRUE(list.labels(1).empty());
}

TEST(TestList, CutsIdsIntoTheirParts) {
  const auto expect = [](std::string_view id, std::string_view file, std::string_view of_class, std::string_view name,
                         std::string_view function) {
    const IdParts parts = parts_of(id);
    EXPECT_EQ(parts.file, file) << id;
    EXPECT_EQ(parts.class_name, of_class) << id;
    EXPECT_EQ(parts.name, name) << id;
    EXPECT_EQ(parts.function, function) << id;
  };
  expect("tests/a.py::TestB::TestC::test_d[1-x]", "tests/a.py", "TestB::TestC", "test_d[1-x]", "test_d");
  expect("tests/a.py::test_d", "tests/a.py", "", "test_d", "test_d");
  expect("tests/a.py::test_d[x::y[z]]", "tests/a.py", "", "test_d[x::y[z]]", "test_d");
  expect("tests/a.py::B::test_d[::]", "tests/a.py", "B", "test_d[::]", "test_d");
  expect("odd[1]/a.py::test_d", "odd[1]/a.py", "", "test_d", "test_d");
  expect("alone[2]", "", "", "alone[2]", "alone");
  expect("a.py::", "a.py", "", "", "");
  expect("::", "", "", "", "");
  expect("", "", "", "", "");
}

TEST(TestList, HoldsAHundredThousandTests) {
  const auto id_of = [](TestIndex i) {
    return "tests/unit/test_" + std::to_string(i / 100) + ".py::TestOf" + std::to_string(i % 7) + "::test_" +
           std::to_string(i) + std::string(i % 50, '~');
  };
  TestList list;
  constexpr TestIndex kMany = 100'000;
  for (TestIndex i = 0; i < kMany; ++i) list.add(id_of(i), {i / 100, i / 3, i % 2 == 1, 0});
  ASSERT_EQ(list.size(), kMany);
  for (TestIndex i = 0; i < kMany; ++i) {
    ASSERT_EQ(list.id(i), id_of(i));
    ASSERT_EQ(list.traits(i).file, i / 100);
    ASSERT_EQ(list.traits(i).group, i / 3);
    ASSERT_EQ(list.traits(i).shares_setup, i % 2 == 1);
  }
}

}  // namespace
}  // namespace fittest
