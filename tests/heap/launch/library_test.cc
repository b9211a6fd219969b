#include "heap/library.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/read_file.h"
#include "support/folder.h"

namespace fittest::heap {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST(HeapLibrary, IsPutThereOnceAndIsWhole) {
  const Folder folder;
  const auto path = heap_library(folder / "cache");
  ASSERT_TRUE(path) << path.error().text();
  EXPECT_THAT(*path, EndsWith("/libfittest_heap.so"));
  const auto bytes = read_file(*path);
  ASSERT_TRUE(bytes);
  EXPECT_TRUE(
      bytes->starts_with("\x7f"
                         "ELF"));
  const auto written = std::filesystem::last_write_time(*path);
  EXPECT_EQ(heap_library(folder / "cache").value(), *path);
  EXPECT_EQ(std::filesystem::last_write_time(*path), written);
}

TEST(HeapLibrary, IsMendedIfSomebodyChangedIt) {
  const Folder folder;
  const auto path = heap_library(folder.path());
  ASSERT_TRUE(path);
  const std::string bytes = read_file(*path).value();
  std::ofstream(*path, std::ios::trunc) << "something else";
  EXPECT_EQ(heap_library(folder.path()).value(), *path);
  EXPECT_EQ(read_file(*path).value(), bytes);
}

TEST(HeapLibrary, CannotLieWherePreloadingCannotReach) {
  const Folder folder;
  EXPECT_THAT(heap_library(folder / "a b").error().text(), HasSubstr("LD_PRELOAD"));
  EXPECT_THAT(heap_library(folder / "a:b").error().text(), HasSubstr("LD_PRELOAD"));
}

TEST(HeapLibrary, MayBeAnother) {
  const Folder folder;
  const auto file = folder.write("libfittest_heap.so", "x");
  ::setenv("FITTEST_HEAP_LIBRARY", file.c_str(), 1);
  EXPECT_EQ(heap_library(folder / "cache").value(), file);
  ::setenv("FITTEST_HEAP_LIBRARY", "/nowhere", 1);
  EXPECT_THAT(heap_library(folder / "cache").error().text(), HasSubstr("FITTEST_HEAP_LIBRARY"));
  ::unsetenv("FITTEST_HEAP_LIBRARY");
}

}  // namespace
}  // namespace fittest::heap
