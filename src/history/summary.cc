#include "history/summary.h"

#include <algorithm>

namespace fittest::history {
namespace {

constexpr double kNewest = 0.3;       // weight of the newest result in the mean of durations
constexpr double kBeyondKill = 1.25;  // where a killed test is expected to have ended
constexpr Bytes kSmallestMargin = MiB(1);
constexpr double kMargin = 0.05;       // of the highest, with very many results
constexpr double kMarginOfFew = 0.20;  // on top, divided by the number of results

std::optional<Bytes> highest(const std::optional<Bytes>& a, const std::optional<Bytes>& b) {
  return a && b ? std::max(*a, *b) : a ? a : b;
}

std::optional<HeapFigures> highest(const std::optional<HeapFigures>& a, const std::optional<HeapFigures>& b) {
  if (!a || !b) return a ? a : b;
  return HeapFigures{std::max(a->peak, b->peak), std::max(a->allocated, b->allocated),
                     std::max(a->allocations, b->allocations), highest(a->body_peak, b->body_peak)};
}

}  // namespace

Row merged(const Row& earlier, const Row& later) {
  Row row = later.verdict == Verdict::not_run ? earlier : later;
  row.run = earlier.run;
  row.peak = highest(earlier.peak, later.peak);
  row.at_least = highest(earlier.at_least, later.at_least);
  row.heap = highest(earlier.heap, later.heap);
  return row;
}

Summary summarise(std::span<const Row> oldest_first) {
  Summary summary;
  summary.counted = static_cast<std::uint32_t>(std::ranges::count_if(oldest_first, &Row::counts));
  bool first = true;
  for (const Row& row : oldest_first) {
    summary.at_least = highest(summary.at_least, row.at_least);
    if (row.verdict != Verdict::not_run) {
      summary.retained = row.retained;
      summary.last = row.verdict;
    }
    if (summary.counted > 0 && !row.counts()) continue;
    summary.peak = highest(summary.peak, row.peak);
    if (row.heap) {
      const Bytes before = summary.heap ? summary.heap->peak : Bytes{};
      summary.heap = row.heap;
      summary.heap->peak = std::max(before, row.heap->peak);
    }
    summary.duration = first ? row.duration : summary.duration + kNewest * (row.duration - summary.duration);
    first = false;
  }
  return summary;
}

std::optional<Bytes> expected_peak(const Summary& summary) {
  std::optional<Bytes> top = summary.peak;
  if (summary.at_least) top = std::max(top.value_or(Bytes{}), summary.at_least->scaled(kBeyondKill));
  if (!top) return std::nullopt;
  const double share = kMargin + kMarginOfFew / std::max(1U, summary.counted);
  return *top + std::max(kSmallestMargin, top->scaled(share));
}

}  // namespace fittest::history
