#include <gtest/gtest.h>

#include <filesystem>

#include "core/read_file.h"
#include "fuzz/fuzz.h"

namespace fittest::heap {
namespace {

TEST(Corpus, WhatFuzzingFoundIsSurvived) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(FITTEST_CORPUS)) {
    SCOPED_TRACE(entry.path().filename().string());
    const auto bytes = read_file(entry.path());
    ASSERT_TRUE(bytes);
    LLVMFuzzerTestOneInput(reinterpret_cast<const unsigned char*>(bytes->data()), bytes->size());
    ++count;
  }
  EXPECT_GT(count, 10U);
}

}  // namespace
}  // namespace fittest::heap
