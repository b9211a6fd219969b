#include "heap/view/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/utf8.h"
#include "heap/view/json.h"
#include "heap/view/ranking.h"
#include "report/words.h"

namespace fittest::heap {
namespace {

using report::Color;

// Function, file without folders, kind: what stays when a line is put in above.
std::string name_of(const Line& line) {
  const std::string& path = line.file.empty() ? line.module : line.file;
  const std::size_t slash = path.rfind('/');
  return line.function + '\n' + (slash == std::string::npos ? path : path.substr(slash + 1));
}

class Matcher {
 public:
  void add(const Stacks& stacks, Measure by, Amount Change::*side) {
    std::vector<std::uint32_t> names;
    for (const Line& line : stacks.lines) {
      names.push_back(names_.try_emplace(name_of(line), static_cast<std::uint32_t>(names_.size())).first->second);
    }
    const auto offset = static_cast<std::uint32_t>(lines_.size());
    lines_.insert(lines_.end(), stacks.lines.begin(), stacks.lines.end());
    for (const StackRow& row : stacks.rows) {
      std::vector<std::uint32_t> key;
      std::vector<std::uint32_t> frames;
      for (const std::uint32_t frame : row.frames) {
        key.push_back(names[frame]);
        frames.push_back(offset + frame);
      }
      key.push_back(static_cast<std::uint32_t>(row.kind));
      Change& change = changes_[std::move(key)];
      // Lines are shown as they are in B, where it has the stack.
      change.frames = std::move(frames);
      change.kind = row.kind;
      const Amount& more = of(row.amounts, by);
      Amount& sum = change.*side;
      sum.bytes += more.bytes;
      sum.count += more.count;
      sum.variance += more.variance;
    }
  }

  Diff take() {
    Diff out;
    for (auto& [key, change] : changes_) {
      const double bytes = change.bytes();
      const double deviation = std::sqrt(std::max(0.0, change.before.variance + change.after.variance));
      if (std::fabs(bytes) < 0.5) continue;
      if (std::fabs(bytes) <= kChangeInDeviations * deviation) {
        ++out.unclear;
        out.unclear_bytes += bytes;
      } else {
        (bytes > 0 ? out.grown : out.shrunk).push_back(std::move(change));
      }
    }
    const auto larger = [](const Change& a, const Change& b) { return std::fabs(a.bytes()) > std::fabs(b.bytes()); };
    std::ranges::stable_sort(out.grown, larger);
    std::ranges::stable_sort(out.shrunk, larger);
    out.lines = std::move(lines_);
    return out;
  }

 private:
  std::map<std::string, std::uint32_t> names_;
  std::map<std::vector<std::uint32_t>, Change> changes_;
  std::vector<Line> lines_;
};

std::string signed_bytes(double bytes) {
  return (bytes < 0 ? "-" : "+") + bytes_text(std::fabs(bytes));
}

std::string times_text(double before, double after) {
  if (!(before > 0)) return after > 0 ? "new" : "";
  return fmt::format("{:.2f} x", after / before);
}

void put_row(std::string& out, std::string_view name, double before, double after, const std::string& error) {
  out += fmt::format("  {:<13}{:>10}  {:>10}  {:>10}{:<11}  {:>8}\n", name, bytes_text(before), bytes_text(after),
                     after == before ? "0 B" : signed_bytes(after - before), error, times_text(before, after));
}

void put_totals(std::string& out, const Profile& a, const Profile& b) {
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  put_row(out, "peak", number(a.counters.peak), number(b.counters.peak), "");
  put_row(out, "allocated", number(a.counters.allocated), number(b.counters.allocated), "");
  put_row(out, "at the end", number(a.counters.live), number(b.counters.live), "");
  for (const Measure measure : {Measure::leaked, Measure::temporary}) {
    if (a.mode == trace::Mode::count || b.mode == trace::Mode::count) break;
    const Amount before = of(amounts_of(a), measure);
    const Amount after = of(amounts_of(b), measure);
    const double error = kErrorInDeviations * std::sqrt(std::max(0.0, before.variance + after.variance));
    put_row(out, word(measure), before.bytes, after.bytes, error >= 0.5 ? " ± " + bytes_text(error) : "");
  }
  const auto count = [](std::uint64_t value) { return report::format_count(value); };
  out += fmt::format("  {:<13}{:>10}  {:>10}\n", "allocations", count(a.counters.allocations),
                     count(b.counters.allocations));
  out +=
      fmt::format("  {:<13}{:>10}  {:>10}\n", "time", report::format_span(static_cast<double>(a.milliseconds) / 1000),
                  report::format_span(static_cast<double>(b.milliseconds) / 1000));
}

void put_changes(std::string& out, const Diff& diff, const std::vector<Change>& changes, const DiffOptions& options,
                 const Look& look) {
  Stacks names;
  names.lines = diff.lines;
  const std::size_t shown = options.limit == 0 ? changes.size() : std::min(options.limit, changes.size());
  double rest = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Change& change = changes[i];
    if (i >= shown) {
      rest += change.bytes();
      continue;
    }
    const double error = kErrorInDeviations * std::sqrt(std::max(0.0, change.before.variance + change.after.variance));
    const std::string figure =
        signed_bytes(change.bytes()) + (error >= 0.5 ? " ± " + bytes_text(error) : std::string());
    out += fmt::format("{:>3}. {}  {} to {}", i + 1, look.style(change.bytes() > 0 ? Color::red : Color::green, figure),
                       bytes_text(change.before.bytes), bytes_text(change.after.bytes));
    if (const std::string_view kind = describe(change.kind); !kind.empty()) out += fmt::format(", {}", kind);
    out += '\n';
    put_frames(out, names, change.frames, 5, options.frames_limit, look);
  }
  if (shown < changes.size()) {
    out += fmt::format("     {} in {}\n", signed_bytes(rest), report::counted(changes.size() - shown, "more stack"));
  }
}

}  // namespace

Diff diff(const Stacks& a, const Stacks& b, Measure by) {
  Matcher matcher;
  matcher.add(a, by, &Change::before);
  matcher.add(b, by, &Change::after);
  return matcher.take();
}

std::string diff_text(const Profile& about_a, const Stacks& a, const Profile& about_b, const Stacks& b,
                      const DiffOptions& options, const Look& look) {
  std::string out = "fittest heap: what has changed\n";
  put_labelled(out, "A", about_a.file + ": " + about_a.program, look);
  put_labelled(out, "B", about_b.file + ": " + about_b.program, look);
  out += fmt::format("\n  {:<13}{:>10}  {:>10}  {:>10}{:<11}  {:>8}\n", "", "A", "B", "change", "", "B / A");
  put_totals(out, about_a, about_b);
  if (about_a.mode == trace::Mode::count || about_b.mode == trace::Mode::count) {
    out += "\n  One of them has no stacks (--count): nothing to compare by stack.\n";
    return out;
  }
  const Diff found = diff(a, b, options.by);
  out += fmt::format("\n  {} in B, by stack:\n", look.style(Color::bold, fmt::format("more {}", title(options.by))));
  if (found.grown.empty()) out += "     nothing\n";
  put_changes(out, found, found.grown, options, look);
  out += fmt::format("\n  {} in B, by stack:\n", look.style(Color::bold, fmt::format("less {}", title(options.by))));
  if (found.shrunk.empty()) out += "     nothing\n";
  put_changes(out, found, found.shrunk, options, look);
  if (found.unclear > 0) {
    out += '\n';
    put_labelled(out, "unclear",
                 fmt::format("{} by less than the sampling's error: {} together",
                             report::counted(found.unclear, "more change"), signed_bytes(found.unclear_bytes)),
                 look);
  }
  return out;
}

std::string diff_json(const Profile& about_a, const Stacks& a, const Profile& about_b, const Stacks& b,
                      const DiffOptions& options) {
  const Diff found = diff(a, b, options.by);
  const auto changes = [&](const std::vector<Change>& of_one_kind) {
    nlohmann::json out = nlohmann::json::array();
    for (const Change& change : of_one_kind) {
      if (options.limit != 0 && out.size() == options.limit) break;
      nlohmann::json frames = nlohmann::json::array();
      for (const std::uint32_t frame : change.frames) frames.push_back(frame_json(found.lines[frame]));
      out.push_back({{"kind", word(change.kind)},
                     {"before", amount_json(change.before)},
                     {"after", amount_json(change.after)},
                     {"frames", std::move(frames)}});
    }
    return out;
  };
  const nlohmann::json out = {{"format", "fittest-heap-diff"},
                              {"version", 1},
                              {"measure", word(options.by)},
                              {"a", process_json(about_a)},
                              {"b", process_json(about_b)},
                              {"grown", changes(found.grown)},
                              {"shrunk", changes(found.shrunk)},
                              {"unclear", {{"stacks", found.unclear}, {"bytes", std::llround(found.unclear_bytes)}}}};
  return out.dump(1) + "\n";
}

}  // namespace fittest::heap
