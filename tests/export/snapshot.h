#pragma once
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace fittest::exporting {

// Compares with tests/export/snapshots/`name`. With FITTEST_UPDATE_SNAPSHOTS=1 in the environment the file is written
// instead, and the test fails all the same.
::testing::AssertionResult matches_snapshot(std::string_view name, const std::string& text);

}  // namespace fittest::exporting
