#include "report/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/width.h"
#include "report/words.h"

namespace fittest::report {
namespace {

constexpr std::size_t kNarrowestBar = 5;
constexpr std::size_t kWidestBar = 20;
constexpr double kNearlyFull = 0.9;

struct Part {
  std::string text;
  Color color = Color::none;
  unsigned weight = 0;  // the part of the lowest weight is the first to go
};

double share(const Progress& progress) {
  if (progress.budget.value == 0) return 0;
  return static_cast<double>(progress.held.value) / static_cast<double>(progress.budget.value);
}

std::string bar(double filled, std::size_t width) {
  const auto full = static_cast<std::size_t>(std::lround(std::clamp(filled, 0.0, 1.0) * static_cast<double>(width)));
  return "[" + std::string(full, '#') + std::string(width - full, '-') + "]";
}

std::size_t total_width(const std::vector<Part>& parts) {
  std::size_t width = 0;
  for (const Part& part : parts) width += display_width(part.text) + 2;
  return width > 2 ? width - 2 : 0;
}

}  // namespace

std::string progress_line(const Progress& progress, unsigned columns, const Style& style) {
  const double filled = share(progress);
  const Color memory = filled > 1 ? Color::red : filled > kNearlyFull ? Color::yellow : Color::cyan;
  constexpr unsigned kBarWeight = 4;
  std::vector<Part> parts = {{"fittest", Color::bold, 2}};
  if (progress.tests) {
    // As wide as it will be, so that what follows stays where it is.
    const std::string tests = format_count(*progress.tests);
    parts.push_back({fmt::format("{:>{}}/{}", format_count(progress.done), tests.size(), tests), Color::none, 9});
  } else {
    parts.push_back({"collecting", Color::none, 9});
  }
  if (progress.failures > 0) parts.push_back({format_count(progress.failures) + " failed", Color::red, 8});
  if (progress.workers > 0) parts.push_back({counted(progress.workers, "worker"), Color::none, 3});
  if (progress.budget.value > 0) {
    parts.push_back({bar(filled, kNarrowestBar), memory, kBarWeight});
    parts.push_back({format_share(progress.held, progress.budget, "/"), Color::none, 7});
  }
  if (progress.left) {
    parts.push_back({format_span(*progress.left) + " left", Color::none, 6});
  } else if (!progress.tests) {
    parts.push_back({format_span(progress.elapsed), Color::none, 6});
  }
  while (parts.size() > 1 && total_width(parts) > columns) {
    parts.erase(
        std::min_element(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.weight < b.weight; }));
  }
  const std::size_t spare = columns - std::min<std::size_t>(columns, total_width(parts));
  std::string line;
  for (Part& part : parts) {
    if (part.weight == kBarWeight) part.text = bar(filled, std::min(kNarrowestBar + spare, kWidestBar));
    if (!line.empty()) line += "  ";
    line += style(part.color, part.text);
  }
  return cut_to_width(line, columns);
}

std::string progress_sentence(const Progress& progress) {
  const std::uint32_t tests = progress.tests.value_or(0);
  const std::uint64_t percent = tests == 0 ? 0 : std::uint64_t{progress.done} * 100 / tests;
  std::string line = fmt::format("{}/{} done ({} %)", format_count(progress.done), counted(tests, "test"), percent);
  if (progress.failures > 0) line += fmt::format(", {} failed", format_count(progress.failures));
  line += fmt::format(", {} held", format_share(progress.held, progress.budget, "/"));
  if (progress.left) line += fmt::format(", {} left", format_span(*progress.left));
  return line;
}

}  // namespace fittest::report
