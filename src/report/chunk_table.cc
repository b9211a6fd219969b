#include "report/chunk_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "report/width.h"
#include "report/words.h"

namespace fittest::report {
namespace {

constexpr std::size_t kFiguresWidth = 54;  // of the columns behind the name
constexpr std::size_t kNarrowestName = 12;
constexpr std::size_t kWidestName = 26;
constexpr std::size_t kMostFailures = 100;

// Those that have a column of their own come first.
constexpr std::array kOthers = {Verdict::error,      Verdict::timed_out,   Verdict::crashed,
                                Verdict::over_limit, Verdict::over_budget, Verdict::skipped,
                                Verdict::xfailed,    Verdict::xpassed,     Verdict::not_run};

std::uint32_t count(const ChunkResult& result, Verdict verdict) {
  return result.verdicts[static_cast<std::size_t>(verdict)];
}

std::uint32_t others(const ChunkResult& result) {
  return std::accumulate(kOthers.begin(), kOthers.end(), std::uint32_t{0},
                         [&](std::uint32_t sum, Verdict verdict) { return sum + count(result, verdict); });
}

Color color_of(const ChunkResult& result) {
  switch (result.state) {
    case ChunkResult::State::passed:
      return Color::green;
    case ChunkResult::State::failed:
      return Color::red;
    case ChunkResult::State::not_run:
      break;
  }
  return Color::yellow;
}

// "3 skipped, 22 not_run; timed out after 60 s".
std::string details(const ChunkResult& result) {
  std::vector<std::string> parts;
  for (const Verdict verdict : kOthers) {
    if (count(result, verdict) > 0)
      parts.push_back(fmt::format("{} {}", format_count(count(result, verdict)), name(verdict)));
  }
  std::string text = fmt::format("{}", fmt::join(parts, ", "));
  if (!result.remark.empty()) text += (text.empty() ? "" : "; ") + one_line(result.remark);
  return text;
}

ChunkResult all_together(std::span<const ChunkResult> results) {
  ChunkResult all;
  all.name = "all";
  all.state = ChunkResult::State::passed;
  for (const ChunkResult& result : results) {
    all.tests += result.tests;
    for (std::size_t i = 0; i < kVerdictCount; ++i) all.verdicts[i] += result.verdicts[i];
    all.took += result.took;
    all.peak = std::max(all.peak, result.peak);
    if (result.state != ChunkResult::State::passed) all.state = ChunkResult::State::failed;
  }
  return all;
}

}  // namespace

std::vector<std::string> chunk_table(std::span<const ChunkResult> results, unsigned columns, const Style& style) {
  std::size_t widest = kNarrowestName;
  for (const ChunkResult& result : results) widest = std::max(widest, result.name.size());
  const std::size_t room = columns > kFiguresWidth ? columns - kFiguresWidth : 0;
  const std::size_t width = std::min(widest, std::clamp(room, kNarrowestName, kWidestName));

  std::vector<std::string> lines;
  const auto row = [&](const std::string& name, auto... figures) {
    std::string line = fmt::format("{:<{}}{:>8}{:>8}{:>7}{:>6}{:>11}{:>9}{:>5}", name, width, figures...);
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
  };
  lines.push_back(style(Color::bold, row("chunk", "tests", "passed", "failed", "other", "time", "peak", "exit")));
  const auto add = [&](const ChunkResult& result, const std::string& exit) {
    const bool ran = result.state != ChunkResult::State::not_run;
    lines.push_back(style(color_of(result), row(shorten_middle(result.name, width), format_count(result.tests),
                                                format_count(count(result, Verdict::passed)),
                                                format_count(count(result, Verdict::failed)),
                                                format_count(others(result)), ran ? format_span(result.took) : "-",
                                                result.peak > Bytes{} ? format_bytes(result.peak) : "-", exit)));
    if (const std::string text = details(result); !text.empty()) {
      for (const std::string& line : wrap("    " + text, columns, 4)) lines.push_back(line);
    }
  };
  for (const ChunkResult& result : results) add(result, result.exit ? std::to_string(*result.exit) : "-");
  if (results.size() > 1) add(all_together(results), "");  // each has an exit code of its own
  return lines;
}

std::vector<std::string> chunk_failures(std::span<const ChunkResult> results, const Style& style) {
  std::vector<std::string> lines;
  std::size_t left_out = 0;
  for (const ChunkResult& result : results) {
    for (const Problem& failure : result.failures) {
      if (lines.size() == kMostFailures) {
        ++left_out;
        continue;
      }
      const std::string label = fmt::format("{:<13}", name(failure.verdict));
      lines.push_back(style(Color::red, label) + one_line(failure.id));
    }
  }
  if (left_out > 0) lines.push_back(fmt::format("and {} more", format_count(left_out)));
  return lines;
}

}  // namespace fittest::report
