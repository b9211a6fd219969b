#pragma once
// What a test's last results say together. Pure.
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/heap_figures.h"
#include "core/ids.h"
#include "core/verdict.h"

namespace fittest::history {

// So many results are kept of each test, of as many runs. A test that was made smaller is believed to be so once its
// larger results have left.
inline constexpr std::size_t kKeptResults = 10;

// A test's result in one run.
struct Row {
  std::int64_t run = 0;  // rises with each run that begins
  Verdict verdict = Verdict::not_run;
  std::optional<Bytes> peak;
  std::optional<Bytes> at_least;
  Bytes retained;
  Seconds duration = 0;
  std::optional<HeapFigures> heap = {};

  // Its body ran to an end of its own. A skipped test says nothing about the memory and time it needs when it runs, a
  // test that was killed (`not_run`) says `at_least` and nothing else.
  [[nodiscard]] bool counts() const { return verdict != Verdict::not_run && verdict != Verdict::skipped; }
};

// One result for a test that ran several times in one run: memory is the highest, the rest is the later one's. A kill
// does not take back a verdict that is there already.
Row merged(const Row& earlier, const Row& later);

struct Summary {
  std::optional<Bytes> peak;      // the highest of the kept results that count; of skipped ones where none counts
  std::optional<Bytes> at_least;  // the highest of the kept results
  Bytes retained;                 // of the last one
  Seconds duration = 0;           // mean, exponentially weighted, the last one most
  std::uint32_t counted = 0;      // kept results that count
  Verdict last = Verdict::not_run;
  // Of the results that count, or of skipped ones as above: the highest peak, allocations of the last one that has any.
  std::optional<HeapFigures> heap = {};
};
Summary summarise(std::span<const Row> oldest_first);

// What a test with this summary must be expected to hold: the highest it ever held, and a margin that shrinks the more
// results there are. A test killed at some height would have gone on, by a quarter as a guess. Nothing where nothing
// was ever measured. Never lower for a higher `peak` or `at_least`.
std::optional<Bytes> expected_peak(const Summary& summary);

}  // namespace fittest::history
