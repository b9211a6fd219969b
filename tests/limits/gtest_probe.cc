// A GoogleTest program whose tests break limits, or hold them: limits_test.cc runs it and looks at what it says.
#include <fittest/limits.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "bodies.h"

namespace {

TEST(Memory, Within) {
  FITTEST_LIMIT_MEMORY("2 MB");
  hold_for_a_moment(2 * kMiB - 1);
}
TEST(Memory, Reached) {
  FITTEST_LIMIT_MEMORY("2 MB");
  hold_for_a_moment(2 * kMiB);
}
TEST(Memory, OnlyWhatIsHeldAtOnceCounts) {
  FITTEST_LIMIT_MEMORY("3 MB");
  for (int i = 0; i < 10; ++i) hold_for_a_moment(2 * kMiB);
}
TEST(Memory, WhatComesBeforeDoesNotCount) {
  void* held = std::malloc(10 * kMiB);
  FITTEST_LIMIT_MEMORY("2 MB");
  std::free(held);
  hold_for_a_moment(kMiB);
}
TEST(Leaks, Within) {
  FITTEST_LIMIT_LEAKS("5 KB");
  for (int i = 0; i < 10; ++i) lose(500);
}
TEST(Leaks, Reached) {
  FITTEST_LIMIT_LEAKS("5 KB");
  for (int i = 0; i < 10; ++i) lose(512);
}
TEST(Leaks, TwoPlacesAreTwoSums) {
  FITTEST_LIMIT_LEAKS("5 KB");
  for (int i = 0; i < 9; ++i) lose(512);
  for (int i = 0; i < 9; ++i) lose(512);
}
TEST(Both, BothAreChecked) {
  FITTEST_LIMIT_MEMORY("2 MB");
  FITTEST_LIMIT_LEAKS("5 KB");
  lose(3 * kMiB);
}
TEST(Both, Within) {
  FITTEST_LIMIT_MEMORY("20 MB");
  FITTEST_LIMIT_LEAKS("5 KB");
  hold_for_a_moment(3 * kMiB);
}
TEST(Failed, IsNotCheckedAsWell) {
  FITTEST_LIMIT_MEMORY("1 MB");
  hold_for_a_moment(2 * kMiB);
  FAIL() << "for another reason";
}
TEST(Thrown, IsNotCheckedAsWell) {
  FITTEST_LIMIT_MEMORY("1 MB");
  hold_for_a_moment(2 * kMiB);
  throw std::runtime_error("for another reason");
}
TEST(Size, ThatIsNone) {
  FITTEST_LIMIT_MEMORY("a lot");
}

}  // namespace
