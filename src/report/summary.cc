#include "report/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "report/width.h"
#include "report/words.h"

namespace fittest::report {
namespace {

// The sizes of the parts, so that all together keep to kLongestSummary.
constexpr std::size_t kFewestProblems = 3;
constexpr std::size_t kMostProblems = 8;
constexpr std::size_t kRetainedShown = 3;
constexpr Bytes kWorthSaying = MiB(1);
constexpr std::size_t kRoomForTime = 60;
constexpr std::size_t kLabel = 15;  // columns of "  over_budget  "

Color color_of(Verdict verdict) {
  if (is_failure(verdict)) return Color::red;
  if (verdict == Verdict::passed) return Color::green;
  return Color::yellow;
}

class Lines {
 public:
  Lines(unsigned columns, const Style& style) : columns_(columns), style_(style) {}

  void add(std::string line) { lines_.push_back(std::move(line)); }

  // "  memory  text", wrapped below the text.
  void labelled(std::string_view label, std::string_view text) {
    const std::string start = fmt::format("  {:<{}}", label, kLabel - 2);
    std::vector<std::string> wrapped = wrap(start + std::string(text), columns_, kLabel);
    wrapped.front() = style_(Color::bold, start) + wrapped.front().substr(start.size());
    std::move(wrapped.begin(), wrapped.end(), std::back_inserter(lines_));
  }

  // "   1.4 GiB         12 s  tests/a.py::test_b"; the time only where there is room.
  void ranked(const Ranked& entry) {
    std::string figures = fmt::format("  {:>8}  ", format_bytes(entry.amount));
    if (has_times()) figures += fmt::format("{:>11}  ", format_span(entry.duration));
    add(figures + shorten_middle(one_line(entry.id), room_after(figures.size())));
  }

  [[nodiscard]] std::size_t room_after(std::size_t used) const {
    return std::max<std::size_t>(columns_ > used ? columns_ - used : 0, 12);
  }
  [[nodiscard]] bool has_times() const { return columns_ >= kRoomForTime; }
  [[nodiscard]] std::size_t size() const { return lines_.size(); }
  [[nodiscard]] std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::size_t columns_;
  const Style& style_;
  std::vector<std::string> lines_;
};

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out;
}

// "8,669 tests in 80 s: 8,640 passed, 3 failed". Coloured here, not in wrap(), which takes colours for no columns.
std::string counts(const Tally& tally, const RunFinished& end, const Style& style) {
  static constexpr std::array kOrder = {Verdict::failed,     Verdict::error,       Verdict::timed_out, Verdict::crashed,
                                        Verdict::over_limit, Verdict::over_budget, Verdict::passed,    Verdict::skipped,
                                        Verdict::xfailed,    Verdict::xpassed,     Verdict::not_run};
  std::vector<std::string> parts;
  for (const Verdict verdict : kOrder) {
    const std::uint32_t count = tally.count(verdict);
    if (count == 0) continue;
    // A space that does not break, so that a figure stays with its word; it is put back when the line is made.
    parts.push_back(style(color_of(verdict), fmt::format("{}\x01{}", format_count(count), name(verdict))));
  }
  const std::string how = end.interrupted ? ", interrupted after " : " in ";
  // pytest's 0 and 1 say what the counts say; the others do not.
  const std::string exit = end.exit_code > 1 && !end.interrupted ? fmt::format(" (exit code {})", end.exit_code) : "";
  return fmt::format("{} {}{}{}{}: {}", style(Color::bold, "fittest:"), counted(tally.tests(), "test"), how,
                     format_span(end.wall), exit, join(parts));
}

std::string memory(const Tally& tally, const RunFinished& end) {
  std::string text = fmt::format("{} at most", format_bytes(end.peak));
  if (const Bytes budget = tally.budget(); budget.value > 0) {
    const double percent = 100 * static_cast<double>(end.peak.value) / static_cast<double>(budget.value);
    text += fmt::format(", {:.0f} % of the budget of {}", percent, format_bytes(budget));
    if (end.peak > budget) text += fmt::format(", {} too much", format_bytes(end.peak - budget));
  }
  if (end.kernel_kills > 0) text += "; " + counted(end.kernel_kills, "kernel kill");
  return text;
}

std::string again(const Tally& tally) {
  std::vector<std::string> parts;
  if (tally.batches_killed() > 0) parts.push_back(counted(tally.batches_killed(), "batch") + " killed for memory");
  if (tally.requeued() > 0) parts.push_back(counted(tally.requeued(), "test") + " for another reason");
  return join(parts);
}

// Of a run that was stopped it says nothing.
std::string bound(const RunFinished& end) {
  struct Part {
    Seconds span = 0;
    std::string_view name;
  };
  const plan::LowerBound& bound = end.bound;
  std::array<Part, 3> three = {{{bound.longest, "longest"}, {bound.by_cores, "cores"}, {bound.by_memory, "memory"}}};
  std::stable_sort(three.begin(), three.end(), [](const Part& a, const Part& b) { return a.span > b.span; });
  const auto& [first, second, third] = three;
  if (end.interrupted || !(first.span > 0)) return {};
  return fmt::format("{:.2f} x the lower bound: {} by {}{} ({} {}, {} {})", end.wall / first.span,
                     format_span(first.span), first.name, first.name == "longest" ? " test" : "", second.name,
                     format_span(second.span), third.name, format_span(third.span));
}

// In `room` lines, or in what kFewestProblems take.
void add_problems(Lines& lines, const Tally& tally, std::size_t room, const Style& style) {
  const std::size_t most = std::clamp((room > 0 ? room - 1 : 0) / 2, kFewestProblems, kMostProblems);
  std::size_t shown = 0;
  std::uint32_t all = 0;
  for (const Verdict verdict : {Verdict::over_budget, Verdict::over_limit, Verdict::crashed, Verdict::timed_out}) {
    all += tally.count(verdict);
    for (const auto& [test, problem] : tally.problems()) {
      if (problem.verdict != verdict || shown == most) continue;
      ++shown;
      const std::string label = fmt::format("  {:<{}}", name(verdict), kLabel - 2);
      lines.add(style(Color::red, label) + shorten_middle(problem.id, lines.room_after(kLabel)));
      if (problem.detail.empty()) continue;
      const std::string indent(kLabel, ' ');
      lines.add(indent + style(Color::dim, shorten_end(problem.detail, lines.room_after(kLabel))));
    }
  }
  if (all > shown) lines.add(fmt::format("  and {} more with such a verdict", format_count(all - shown)));
}

void add_ranking(Lines& lines, std::string_view title, std::vector<Ranked> entries, std::size_t most,
                 const Style& style) {
  std::erase_if(entries, [](const Ranked& entry) { return entry.amount < kWorthSaying; });
  if (entries.size() > most) entries.resize(most);
  if (entries.empty()) return;
  lines.add(style(Color::bold, fmt::format("  {}{}", title, lines.has_times() ? ", time" : "")));
  for (const Ranked& entry : entries) lines.ranked(entry);
}

std::string advice(const Tally& tally, const RunFinished& end) {
  if (tally.count(Verdict::over_budget) > 0) return "over_budget: raise --budget, or let the test need less";
  if (tally.count(Verdict::over_limit) > 0) return "over_limit: raise the test's limit, or let it need less";
  if (end.interrupted) return "--resume goes on where this run ended";
  return {};
}

}  // namespace

std::vector<std::string> summary(const Tally& tally, const RunFinished& end, unsigned columns, const Style& style) {
  Lines lines(columns, style);
  if (tally.done() == 0 && tally.tests() == 0) {
    lines.add(fmt::format("fittest: no test ran, in {}", format_span(end.wall)));
    return lines.take();
  }
  for (std::string line : wrap(counts(tally, end, style), columns, 9)) {
    std::replace(line.begin(), line.end(), '\x01', ' ');
    lines.add(std::move(line));
  }
  lines.labelled("memory", memory(tally, end));
  if (const std::string text = again(tally); !text.empty()) lines.labelled("run again", text);
  if (const std::string text = bound(end); !text.empty()) lines.labelled("time", text);
  Lines rest(columns, style);
  add_ranking(rest, "hungriest tests: peak", tally.hungriest().top(), 10, style);
  add_ranking(rest, "retained most: kept", tally.retained().top(), kRetainedShown, style);
  if (const std::string text = advice(tally, end); !text.empty()) rest.labelled("to do", text);
  const std::size_t taken = lines.size() + rest.size();
  add_problems(lines, tally, kLongestSummary > taken ? kLongestSummary - taken : 0, style);
  for (std::string& line : rest.take()) lines.add(std::move(line));
  return lines.take();
}

}  // namespace fittest::report
