#include "snapshot.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fittest::report {

::testing::AssertionResult matches_snapshot(std::string_view name, std::string_view bytes) {
  std::string shown;
  for (const char c : bytes) {
    if (c == '\x1b') {
      shown += "\\e";
    } else if (c == '\r') {
      shown += "\\r";
    } else {
      shown += c;
    }
  }
  const std::filesystem::path file =
      std::filesystem::path(FITTEST_REPORT_TESTS) / "snapshots" / (std::string(name) + ".txt");
  if (std::getenv("FITTEST_UPDATE_SNAPSHOTS") != nullptr) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << shown;
    return ::testing::AssertionFailure() << "written anew: " << file;
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return ::testing::AssertionFailure() << "there is no " << file;
  std::ostringstream expected;
  expected << in.rdbuf();
  if (expected.str() == shown) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "--- " << file << "\n" << expected.str() << "\n--- now\n" << shown;
}

}  // namespace fittest::report
