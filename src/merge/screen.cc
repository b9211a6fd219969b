#include "merge/screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "merge/location.h"
#include "merge/rows.h"
#include "report/width.h"
#include "report/words.h"

namespace fittest::merge {
namespace {

using report::Color;

constexpr std::size_t kIndent = 2;
constexpr std::size_t kLabel = 15;  // columns of "  over_budget  ", as in a run's summary
constexpr std::size_t kNarrowestName = 12;
constexpr std::size_t kNarrowestId = 20;

class Screen {
 public:
  Screen(const Merged& merged, unsigned columns, const report::Style& style)
      : merged_(merged), columns_(columns), style_(style) {}

  void wrapped(std::string_view label, std::string_view text, Color color) {
    const std::string start = fmt::format("{:{}}{:<{}}", "", kIndent, label, kLabel - kIndent);
    bool first = true;
    for (const std::string& line : report::wrap(start + report::one_line(text), columns_, kLabel)) {
      out_ += first ? style_(color, start) + line.substr(start.size()) : line;
      out_ += '\n';
      first = false;
    }
  }
  void headline();
  void table();
  void tests(const std::vector<const MergedTest*>& tests, std::string_view label, std::size_t most,
             std::string_view rest_is_in);
  void blank() { out_ += '\n'; }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  [[nodiscard]] std::size_t room_after(std::size_t used) const {
    return std::max(columns_ > used ? columns_ - used : 0, kNarrowestId);
  }

  const Merged& merged_;
  std::size_t columns_;
  const report::Style& style_;
  std::string out_;
};

void Screen::headline() {
  const Color color = merged_.exit_code() == 0 ? Color::green : Color::red;
  constexpr std::string_view kWho = "fittest:";
  // A space that does not break, so that a figure stays with its word; it is put back when the line is made.
  constexpr char kSpace = '\x01';
  bool first = true;
  for (std::string line :
       report::wrap(fmt::format("{} {}", kWho, merge::headline(merged_, kSpace)), columns_, kWho.size() + 1)) {
    std::ranges::replace(line, kSpace, ' ');
    out_ += first ? style_(color, line.substr(0, kWho.size())) + line.substr(kWho.size()) : line;
    out_ += '\n';
    first = false;
  }
}

void Screen::table() {
  const std::vector<Row> rows = rows_of(merged_);
  std::array<std::size_t, kRowTitles.size()> widths{};
  std::size_t name_width = 3;
  std::size_t of_figures = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    widths[i] = std::string_view(kRowTitles[i]).size();
    for (const Row& row : rows) widths[i] = std::max(widths[i], row.figures[i].size());
    of_figures += widths[i] + 2;
  }
  for (const Row& row : rows) name_width = std::max(name_width, report::display_width(report::one_line(row.name)));
  const std::size_t room = columns_ > of_figures + kIndent ? columns_ - of_figures - kIndent : 0;
  name_width = std::min(name_width, std::max(room, kNarrowestName));

  const auto add = [&](const std::string& name, const auto& figures, Color color) {
    const std::string shown = report::shorten_middle(report::one_line(name), name_width);
    std::string line = std::string(kIndent, ' ') + shown + std::string(name_width - report::display_width(shown), ' ');
    for (std::size_t i = 0; i < widths.size(); ++i) line += fmt::format("  {:>{}}", figures[i], widths[i]);
    out_ += style_(color, line) + "\n";
  };
  add("run", kRowTitles, Color::bold);
  for (const Row& row : rows) add(row.name, row.figures, row.failed ? Color::red : Color::none);
}

void Screen::tests(const std::vector<const MergedTest*>& tests, std::string_view label, std::size_t most,
                   std::string_view rest_is_in) {
  const std::size_t shown = std::min(most, tests.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const MergedTest& test = *tests[i];
    const std::string_view word = test.finished != nullptr ? name(test.finished->verdict) : label;
    const std::string start = fmt::format("{:{}}{:<{}}", "", kIndent, word, kLabel - kIndent);
    const std::string origin = report::one_line(origin_of(merged_, test));
    const std::string where = origin.empty() ? "" : " " + origin;
    // Where it ran stands with the reason, if there is one; else with the id.
    const bool has_reason = test.finished != nullptr;
    const std::size_t beside = has_reason ? 0 : report::display_width(where);
    out_ += style_(Color::red, start) + report::shorten_middle(report::one_line(test.id), room_after(kLabel + beside)) +
            (has_reason ? "" : style_(Color::dim, where)) + "\n";
    if (!has_reason) continue;
    const std::string reason = reason_of(*test.finished);
    out_ += std::string(kLabel, ' ') +
            style_(Color::dim, report::shorten_end(reason, room_after(kLabel + report::display_width(where))) +
                                   (reason.empty() && !where.empty() ? where.substr(1) : where)) +
            "\n";
  }
  if (tests.size() > shown) {
    out_ += fmt::format("  and {} more {}: see {}\n", report::format_count(tests.size() - shown), label, rest_is_in);
  }
}

}  // namespace

std::string screen_text(const Merged& merged, const std::string& outputs, unsigned columns,
                        const report::Style& style) {
  Screen screen(merged, columns, style);
  screen.headline();
  screen.blank();
  screen.table();
  const Failures failures = failures_of(merged);
  if (!failures.failed.empty() || !failures.not_run.empty() || !failures.missing.empty()) screen.blank();
  screen.tests(failures.failed, "failed", kFailuresShown, "junit.xml");
  screen.tests(failures.not_run, "not_run", kMissingShown, "missing.txt");
  screen.tests(failures.missing, "missing", kMissingShown, "missing.txt");
  if (!merged.problems.empty() || !merged.notices.empty()) screen.blank();
  for (const std::string& problem : merged.problems) screen.wrapped("problem", problem, Color::red);
  for (const std::string& notice : merged.notices) screen.wrapped("note", notice, Color::yellow);
  screen.blank();
  screen.wrapped("written", fmt::format("{}: junit.xml, events.jsonl, missing.txt, history.db", outputs), Color::bold);
  return screen.take();
}

}  // namespace fittest::merge
