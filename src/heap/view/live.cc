#include "heap/view/live.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/bytes.h"
#include "report/width.h"
#include "report/words.h"

namespace fittest::heap {
namespace {

using report::Color;

std::string rate_text(double per_second) {
  if (per_second < 9'995) return fmt::format("{} allocations/s", count_text(per_second));
  if (per_second < 999'500) return fmt::format("{:.0f} k allocations/s", per_second / 1e3);
  return fmt::format("{:.1f} M allocations/s", per_second / 1e6);
}

// What is held now is what the reader calls held at the end.
std::vector<const StackRow*> held_now(const LiveState& state) {
  if (state.stacks == nullptr) return {};
  return state.stacks->ranked(Measure::leaked);
}

// The innermost frame is where it was allocated; its caller says on whose behalf.
std::string where(const Stacks& stacks, const StackRow& row) {
  const Line& line = stacks.lines[row.frames.front()];
  const std::string place = place_of(line);
  std::string text = report::one_line(line.function);
  if (!place.empty()) text += "  " + report::one_line(place);
  if (row.frames.size() > 1) text += "  < " + report::one_line(stacks.lines[row.frames[1]].function);
  return text;
}

}  // namespace

std::string live_block(const LiveState& state, std::size_t lines, const Look& look) {
  const trace::Counters& counters = state.counters;
  const unsigned columns = look.columns == 0 ? 80 : look.columns;
  std::string out;
  const auto put = [&](const std::string& line) {
    if (lines == 0) return;
    --lines;
    out += report::cut_to_width(line, columns) + "\n";
  };
  const std::string figures =
      fmt::format("live {:>8}  peak {:>8}", format_bytes({counters.live}), format_bytes({counters.peak}));
  put(fmt::format("fittest heap  {}  {}  {}", report::format_span(state.elapsed), look.style(Color::bold, figures),
                  rate_text(state.allocations_per_second)));
  put(look.style(Color::dim,
                 fmt::format("allocated {} in {}; held now, by stack{}:", format_bytes({counters.allocated}),
                             report::counted(counters.allocations, "allocation"),
                             state.stacks == nullptr ? "" : " (at " + report::format_span(state.stacks_at) + ")")));
  for (const StackRow* row : held_now(state)) {
    const Amount& amount = of(row->amounts, Measure::leaked);
    put(fmt::format("{:>8}  {:>7}  {}", bytes_text(amount.bytes),
                    share_text(amount.bytes, of(state.stacks->sums, Measure::leaked).bytes),
                    where(*state.stacks, *row)));
  }
  return out;
}

std::string live_line(const LiveState& state) {
  std::string out = fmt::format("fittest heap: {}: live {}, peak {}, {}", report::format_span(state.elapsed),
                                format_bytes({state.counters.live}), format_bytes({state.counters.peak}),
                                rate_text(state.allocations_per_second));
  if (const auto rows = held_now(state); !rows.empty()) {
    const Line& line = state.stacks->lines[rows.front()->frames.front()];
    const std::string place = report::one_line(place_of(line));
    out += fmt::format("; most by {}{}, {}", report::one_line(line.function), place.empty() ? "" : " (" + place + ")",
                       bytes_text(of(rows.front()->amounts, Measure::leaked).bytes));
  }
  return out;
}

}  // namespace fittest::heap
