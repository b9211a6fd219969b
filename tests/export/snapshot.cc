#include "snapshot.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fittest::exporting {

::testing::AssertionResult matches_snapshot(std::string_view name, const std::string& text) {
  const std::filesystem::path file = std::filesystem::path(FITTEST_EXPORT_TESTS) / "snapshots" / name;
  if (std::getenv("FITTEST_UPDATE_SNAPSHOTS") != nullptr) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return ::testing::AssertionFailure() << "written anew: " << file;
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return ::testing::AssertionFailure() << "there is no " << file;
  std::ostringstream expected;
  expected << in.rdbuf();
  if (expected.str() == text) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "--- " << file << "\n" << expected.str() << "\n--- now\n" << text;
}

}  // namespace fittest::exporting
