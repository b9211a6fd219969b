#pragma once
// What the screen and the Markdown both show, in words.
#include <array>
#include <string>
#include <vector>

#include "merge/merge.h"

namespace fittest::merge {

// A line of the table of runs, which are in the order of their jobs; the last one is all of them together.
struct Row {
  std::string name;
  std::array<std::string, 7> figures;  // in the order of kRowTitles
  bool failed = false;
};
inline constexpr std::array<const char*, 7> kRowTitles = {"tests", "passed", "failed", "other", "time", "peak", "exit"};
std::vector<Row> rows_of(const Merged& merged);

// "8,669 tests of 4 runs: 3 failed, 2 missing, 8,640 passed". `space`: what stands between a figure and its word.
std::string headline(const Merged& merged, char space = ' ');

// "[py3.12, group 3/4]": whose verdict it is; empty where there is but one run.
std::string origin_of(const Merged& merged, const MergedTest& test);

// Tests that make the whole fail.
struct Failures {
  std::vector<const MergedTest*> failed;
  std::vector<const MergedTest*> not_run;
  std::vector<const MergedTest*> missing;
};
Failures failures_of(const Merged& merged);

inline constexpr std::size_t kMissingShown = 20;
inline constexpr std::size_t kFailuresShown = 50;

}  // namespace fittest::merge
