#pragma once
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace fittest::report {

// Compares with tests/report/snapshots/`name`.txt, ESC spelled as "\e", so that a person can read what has changed.
// With FITTEST_UPDATE_SNAPSHOTS=1 in the environment the file is written instead, and the test fails all the same.
::testing::AssertionResult matches_snapshot(std::string_view name, std::string_view bytes);

}  // namespace fittest::report
