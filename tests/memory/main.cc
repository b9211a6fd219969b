// The test program. Started with --role=NAME it is a process for a test to watch instead: `Child::role`.
#include <gtest/gtest.h>

#include <string_view>

#include "child.h"

int main(int argc, char** argv) {
  constexpr std::string_view kRole = "--role=";
  if (argc > 1 && std::string_view(argv[1]).starts_with(kRole)) {
    return fittest::memory::play_role(std::string(std::string_view(argv[1]).substr(kRole.size())));
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
