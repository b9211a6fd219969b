#include "cli/chunks_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "report/words.h"

namespace fittest::cli {
namespace {

constexpr std::size_t kFirst = 10;
constexpr unsigned kColumns = 80;

void add_wrapped(std::vector<std::string>& lines, const std::string& text, std::size_t indent) {
  for (const std::string& line : report::wrap(text, kColumns, indent)) lines.push_back(line);
}

// `line_of(i)` for the first `count` of them, or only for some.
template <typename Line>
void add_some(std::vector<std::string>& lines, std::size_t count, Tests shown, Line line_of) {
  const std::size_t most = shown == Tests::all ? count : std::min(count, kFirst);
  for (std::size_t i = 0; i < most; ++i) lines.push_back("  " + line_of(i));
  if (count > most) lines.push_back(fmt::format("  and {} more: -v shows all", report::format_count(count - most)));
}

}  // namespace

std::vector<std::string> list_of_chunks(std::span<const select::Chunk> chunks) {
  std::vector<std::string> lines;
  for (const select::Chunk& chunk : chunks) {
    std::string text = fmt::format("{}: ", chunk.name);
    text += chunk.workers ? report::counted(*chunk.workers, "worker") : "as many workers as fit";
    if (chunk.timeout) text += fmt::format(", {} at most", report::format_span(*chunk.timeout));
    if (chunk.test_timeout) text += fmt::format(", {} for a test", report::format_span(*chunk.test_timeout));
    if (chunk.maxfail) text += fmt::format(", ends after {}", report::counted(*chunk.maxfail, "failure"));
    if (!chunk.after.empty()) text += fmt::format(", after {}", fmt::join(chunk.after, " and "));
    add_wrapped(lines, text, 4);
    if (!chunk.paths.empty()) add_wrapped(lines, fmt::format("    paths       {}", fmt::join(chunk.paths, " ")), 16);
    if (chunk.expression) add_wrapped(lines, "    expression  " + report::one_line(chunk.expression->text()), 16);
  }
  return lines;
}

std::vector<std::string> describe_cover(const select::ChunkCover& cover, std::span<const select::Chunk> chunks,
                                        const TestList& tests, Tests shown) {
  std::vector<std::string> lines;
  const std::string of_all = fmt::format(" of {}", report::counted(tests.size(), "test"));
  if (const std::size_t count = cover.overlaps.size(); count > 0) {
    lines.push_back(
        fmt::format("{}{} {} in more than one chunk:", report::format_count(count), of_all, count == 1 ? "is" : "are"));
    add_some(lines, count, shown, [&](std::size_t i) {
      const auto& overlap = cover.overlaps[i];
      std::vector<std::string_view> names;
      for (const std::uint32_t chunk : overlap.chunks) names.push_back(chunks[chunk].name);
      return fmt::format("{}: {}", report::one_line(tests.id(overlap.test)), fmt::join(names, ", "));
    });
  }
  if (const std::size_t count = cover.left_out.size(); count > 0) {
    lines.push_back(
        fmt::format("{}{} {} in no chunk:", report::format_count(count), of_all, count == 1 ? "is" : "are"));
    add_some(lines, count, shown, [&](std::size_t i) { return report::one_line(tests.id(cover.left_out[i])); });
  }
  return lines;
}

std::vector<std::string> dry_run(const run::ChunkOrder& order, const std::optional<select::ChunkForecast>& expected) {
  std::string text = fmt::format("# {}: ", order.name);
  if (!expected) {
    text += "nothing is known of its tests";
  } else {
    text += report::counted(expected->tests, "test");
    if (expected->unknown > 0) text += fmt::format(" ({} never measured)", report::format_count(expected->unknown));
    if (expected->tests > 0) {
      text += fmt::format(", {} of work; {} for the largest test, {} for as many at once as there are workers",
                          report::format_span(expected->work), format_bytes(expected->largest),
                          format_bytes(expected->together));
    }
  }
  if (order.timeout) text += fmt::format("; ended after {}", report::format_span(*order.timeout));
  std::vector<std::string> lines;
  for (const std::string& line : report::wrap(text, kColumns - 2, 0))
    lines.push_back((lines.empty() ? "" : "# ") + line);
  lines.push_back(run::command_line(order));
  return lines;
}

}  // namespace fittest::cli
