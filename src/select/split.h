#pragma once
// Cuts a suite into groups, one for each job. Pure, and the same on every machine for the same input: `balanced` counts
// in whole microseconds and KiB, the others make their sums in the order in which pytest-split makes them.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/test_list.h"

namespace fittest::select {

// The word behind --splitting-algorithm. The first two are those of pytest-split (see docs/splits.md for the source of
// each rule).
enum class Algorithm { balanced, duration_based_chunks, least_duration };
std::optional<Algorithm> algorithm_from(std::string_view word);
std::string_view name(Algorithm algorithm);

// What must stay in one group: nothing, or what --dist of that name keeps in one worker.
enum class KeepWhole { nothing, file, scope, group };
std::optional<KeepWhole> keep_whole_from(std::string_view word);
std::string_view name(KeepWhole keep_whole);

struct Weight {
  Seconds duration = 0;
  Bytes peak;
};

// How Python's sum() adds floats, which decides where groups end that are equal but for rounding: one after the other,
// or, since Python 3.12, with the rounding errors made good at the end (Neumaier).
enum class Summation { plain, compensated };

struct SplitOptions {
  unsigned splits = 1;
  Algorithm algorithm = Algorithm::balanced;
  KeepWhole keep_whole = KeepWhole::nothing;
  // The machine that each group runs on; used by `balanced` and for what is expected of a group. A budget of nothing is
  // no limit.
  Bytes budget;
  unsigned workers = 1;
  Summation summation = Summation::plain;  // of the suite's Python; used by pytest-split's algorithms
};

// A group's tests together, and what running them on that machine will take at the least.
struct GroupForecast {
  std::uint32_t tests = 0;
  Seconds work = 0;  // sum of the durations
  Seconds wall = 0;  // plan::lower_bound of its tests on that machine
  Bytes peak;        // of its hungriest test
};

struct Split {
  std::vector<std::uint32_t> group_of;  // for each test, from 0
  std::vector<GroupForecast> groups;
  Seconds lower_bound = 0;  // no split that keeps whole what must be has a largest group with less wall time
};

// `weights`: one for each test. With KeepWhole::group, tests of the same Traits::group stay together, with `file` and
// `scope` those with the same file, or the same id up to the last "::". Every test is in exactly one group; groups may
// be empty. Nothing here fails: weights that are negative or no numbers count as 0, and 0 splits as one.
Split split(const TestList& tests, std::span<const Weight> weights, const SplitOptions& options);

}  // namespace fittest::select
