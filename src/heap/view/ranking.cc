#include "heap/view/ranking.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/width.h"
#include "report/words.h"

namespace fittest::heap {
namespace {

using report::Color;

constexpr std::size_t kFrameIndent = 5;
constexpr std::size_t kNameColumn = 32;  // places stand below each other where names are shorter

std::string in_allocations(const StackRow& row, const Amount& amount) {
  const std::string count = count_text(amount.count);
  std::string text = fmt::format("in {} allocation{}", count, count == "1" ? "" : "s");
  if (count != "1" && row.largest > 0) text += ", largest " + bytes_text(static_cast<double>(row.largest));
  if (const std::string_view kind = describe(row.kind); !kind.empty()) text += fmt::format(", {}", kind);
  return text;
}

}  // namespace

void put_frames(std::string& out, const Stacks& stacks, const std::vector<std::uint32_t>& frames, std::size_t indent,
                std::size_t limit, const Look& look) {
  std::size_t shown = frames.size();
  // Leaving out a single frame would save nothing: the line that says so is as long.
  if (limit != 0 && frames.size() > limit + 1) shown = limit;
  for (std::size_t i = 0; i < shown; ++i) {
    const Line& line = stacks.lines[frames[i]];
    const std::string place = report::one_line(place_of(line)) + (line.inlined ? " (inlined)" : "");
    const std::string name = short_function(line.function, look.room(indent));
    const std::size_t width = report::display_width(name);
    const std::string color_name = look.style(i == 0 ? Color::bold : Color::none, name);
    const std::size_t start = indent + std::max(width, kNameColumn) + 2;
    if (place.empty()) {
      out += fmt::format("{:{}}{}\n", "", indent, color_name);
    } else if (look.columns == 0 || start + report::display_width(place) <= look.columns) {
      const std::size_t padding = width < kNameColumn ? kNameColumn - width : 0;
      out += fmt::format("{:{}}{}{:{}}  {}\n", "", indent, color_name, "", padding, look.style(Color::dim, place));
    } else if (indent + width + 2 + report::display_width(place) <= look.columns) {
      const std::size_t padding = look.columns - indent - width - report::display_width(place);
      out += fmt::format("{:{}}{}{:{}}{}\n", "", indent, color_name, "", padding, look.style(Color::dim, place));
    } else {
      const std::string cut = report::shorten_middle(place, look.room(indent + 4));
      out += fmt::format("{:{}}{}\n{:{}}{}\n", "", indent, color_name, "", indent + 4, look.style(Color::dim, cut));
    }
  }
  if (shown < frames.size()) {
    const std::string more = fmt::format("... and {}", report::counted(frames.size() - shown, "caller"));
    out += fmt::format("{:{}}{}\n", "", indent, look.style(Color::dim, more));
  }
}

std::string ranking_text(const Stacks& stacks, const RankingOptions& options, const Look& look) {
  const std::vector<const StackRow*> rows = stacks.ranked(options.by);
  const double whole = of(stacks.sums, options.by).bytes;
  std::size_t shown = options.limit == 0 ? rows.size() : std::min(options.limit, rows.size());
  while (shown > 0 && of(rows[shown - 1]->amounts, options.by).bytes < options.least_share * whole) --shown;
  std::string out;
  double rest = whole;
  for (std::size_t i = 0; i < shown; ++i) {
    const Amount& amount = of(rows[i]->amounts, options.by);
    rest -= amount.bytes;
    const std::string figures =
        fmt::format("{:>8}  {:>7}{}", bytes_text(amount.bytes), share_text(amount.bytes, whole), error_text(amount));
    out += fmt::format("{:>3}. {}  {}\n", i + 1, look.style(Color::bold, figures), in_allocations(*rows[i], amount));
    put_frames(out, stacks, rows[i]->frames, kFrameIndent, options.frames_limit, look);
  }
  if (shown < rows.size()) {
    out += fmt::format("     {:>8}  {:>7}  in {}\n", bytes_text(rest), share_text(rest, whole),
                       report::counted(rows.size() - shown, "more stack"));
  }
  return out;
}

}  // namespace fittest::heap
