#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/ids.h"
#include "heap/view/leaks.h"
#include "heap/view/look.h"

namespace fittest::cli {

// What tests left, out of the traces of their processes.
struct LeaksInput {
  heap::Leaks leaks;
  std::vector<std::string> problems;  // of reading and of the names
  std::size_t traces = 0;             // that were read
  std::size_t marked = 0;             // of them, those in which tests are marked
};

struct LeaksWanted {
  bool native = false;                            // CPython's own functions too
  std::optional<std::string> test;                // as LeakOptions::test
  std::uint64_t memory = std::uint64_t{8} << 30;  // that reading one trace may take, in bytes
  std::optional<Seconds> time;                    // no trace is begun after that; at least one is read
};

// One trace after the other: of each, no more than what was left is kept.
Result<LeaksInput> read_leaks(const std::vector<std::filesystem::path>& files, const LeaksWanted& wanted);

// The traces that a folder holds (*.heap), by name.
std::vector<std::filesystem::path> traces_in(const std::filesystem::path& folder);

// The largest of what the tests of a run left, for the end of the run; "" for nothing. In bounded time and memory:
// traces that are too large are left to the command that the text names.
std::string leaks_of_run(const std::filesystem::path& folder, const heap::Look& look);

}  // namespace fittest::cli
