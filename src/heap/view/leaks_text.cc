#include "heap/view/leaks_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/utf8.h"
#include "heap/view/json.h"
#include "heap/view/ranking.h"
#include "report/width.h"
#include "report/words.h"

namespace fittest::heap {
namespace {

using nlohmann::json;
using report::Color;

constexpr std::size_t kIndent = 5;
constexpr std::string_view kProof = "fittest pytest --find-leaks=10 TEST";

std::string estimate(const Amount& amount) {
  return bytes_text(amount.bytes) + error_text(amount);
}

std::string_view said(Looks looks) {
  switch (looks) {
    case Looks::leak:
      return "looks like a leak";
    case Looks::cache:
      return "looks like a cache";
    case Looks::unknown:
      break;
  }
  return "leak or cache";
}

Color color_of(Looks looks) {
  return looks == Looks::leak ? Color::red : looks == Looks::cache ? Color::green : Color::none;
}

Amount freed(const Leak& leak) {
  Amount freed = leak.kept;
  freed.bytes = std::max(freed.bytes - leak.alive.bytes, 0.0);
  freed.count = std::max(freed.count - leak.alive.count, 0.0);
  freed.variance = std::max(freed.variance - leak.alive.variance, 0.0);
  return freed.count < 0.5 ? Amount{} : freed;
}

std::string allocations(double count) {
  const std::string text = count_text(count);
  return fmt::format("{} allocation{}", text, text == "1" ? "" : "s");
}

// What the figures of an entry leave open: which test, and what became of the rest.
std::vector<std::string> about(const Leak& leak) {
  std::vector<std::string> lines;
  const LeakOfTest& most = leak.tests.front();
  const std::string most_bytes = leak.tests.size() > 1 ? ", the most: " + bytes_text(most.alive.bytes) : "";
  lines.push_back(most.name + most_bytes);
  if (const Amount gone = freed(leak); gone.bytes > 0) {
    lines.push_back(fmt::format("{} more was alive when its test ended, and freed later", estimate(gone)));
  }
  return lines;
}

void put_leak(std::string& out, std::size_t number, const Leak& leak, const Stacks& names,
              const LeaksTextOptions& options, const Look& look) {
  const std::string figures = fmt::format("{:>8}{}", bytes_text(leak.alive.bytes), error_text(leak.alive));
  out += fmt::format("{:>3}. {}  in {}{}, by {}: {}\n", number, look.style(Color::bold, figures),
                     allocations(leak.alive.count), leak.mapped ? ", mapped" : "",
                     report::counted(leak.tests.size(), "test"), look.style(color_of(leak.looks), said(leak.looks)));
  for (const std::string& line : about(leak)) {
    const std::string text = report::one_line(line);
    const std::size_t room = look.room(kIndent);
    out += fmt::format("{:{}}{}\n", "", kIndent, room == 0 ? text : report::shorten_middle(text, room));
  }
  put_frames(out, names, leak.frames, kIndent + 2, options.frames_limit, look);
}

// Where a reader looks first: the innermost line of Python, else the innermost frame.
const Line& place(const Leaks& leaks, const Leak& leak) {
  const auto python = std::ranges::find_if(
      leak.frames, [&](std::uint32_t frame) { return leaks.lines[frame].language == Language::python; });
  return leaks.lines[python == leak.frames.end() ? leak.frames.front() : *python];
}

std::size_t shown_of(const Leaks& leaks, std::size_t limit) {
  return limit == 0 ? leaks.stacks.size() : std::min(limit, leaks.stacks.size());
}

}  // namespace

std::string leaks_text(const Leaks& leaks, const std::vector<std::string>& problems, const LeaksTextOptions& options,
                       const Look& look) {
  std::string out = fmt::format(
      "fittest heap: what tests left: {} in {}\n", report::counted(leaks.tests, "test"),
      leaks.processes == 1 ? "1 process" : fmt::format("{} processes", report::format_count(leaks.processes)));
  put_labelled(out, "at the end",
               leaks.stacks.empty()
                   ? "nothing that a test made was alive"
                   : fmt::format("{} alive, left by {} at {}", estimate(leaks.alive),
                                 report::counted(leaks.leaving, "test"), report::counted(leaks.stacks.size(), "stack")),
               look, Color::bold);
  if (leaks.freed.bytes > 0) {
    put_labelled(out, "freed later", estimate(leaks.freed) + " more was alive when its test ended", look);
  }
  if (leaks.frameworks.bytes > 0) {
    put_labelled(out, "pytest", estimate(leaks.frameworks) + " more that pytest itself keeps; not in the list", look);
  }
  for (const std::string& problem : problems) put_labelled(out, "problem", problem, look, Color::yellow);
  if (leaks.stacks.empty()) return out;

  out += "\n";
  Stacks names;
  names.lines = leaks.lines;
  const std::size_t shown = shown_of(leaks, options.limit);
  double rest = leaks.alive.bytes;
  for (std::size_t i = 0; i < shown; ++i) {
    put_leak(out, i + 1, leaks.stacks[i], names, options, look);
    rest -= leaks.stacks[i].alive.bytes;
  }
  if (shown < leaks.stacks.size()) {
    out += fmt::format("     {:>8}  at {}\n", bytes_text(rest),
                       report::counted(leaks.stacks.size() - shown, "more stack"));
  }
  out += fmt::format("\n  What it looks like is a guess from one run. The proof is\n    {}\n", kProof);
  return out;
}

std::string leaks_summary(const Leaks& leaks, std::size_t limit, std::string_view command, std::string_view missing,
                          const Look& look) {
  if (leaks.stacks.empty() && missing.empty()) return "";
  std::string out = look.style(Color::bold, "  left by tests, alive at the end:");
  out += leaks.stacks.empty()
             ? " nothing that was seen\n"
             : fmt::format(" {} at {}\n", estimate(leaks.alive), report::counted(leaks.stacks.size(), "stack"));
  constexpr std::size_t kFigure = 12;  // columns of "  12.3 MiB  "
  for (std::size_t i = 0; i < shown_of(leaks, limit); ++i) {
    const Leak& leak = leaks.stacks[i];
    const Line& line = place(leaks, leak);
    const std::string name = short_function(line.function, look.room(kFigure));
    std::string where = report::one_line(place_of(line));
    const std::size_t used = kFigure + report::display_width(name) + 2;
    if (look.columns != 0) where = report::shorten_middle(where, look.room(used));
    out += fmt::format("  {:>8}  {}{}{}\n", bytes_text(leak.alive.bytes), name, where.empty() ? "" : "  ", where);
    const std::string tests = leak.tests.size() == 1 ? "" : fmt::format(" of {} tests, most by", leak.tests.size());
    const std::string start = fmt::format("{}{}: ", said(leak.looks), tests);
    const std::string test = report::one_line(leak.tests.front().name);
    const std::size_t room = look.room(kFigure + start.size());
    out += fmt::format("{:{}}{}{}\n", "", kFigure, look.style(color_of(leak.looks), start),
                       room == 0 ? test : report::shorten_middle(test, room));
  }
  if (!missing.empty()) put_labelled(out, "not read", missing, look, Color::yellow);
  out += fmt::format("  all: {}", command);
  return out;
}

std::string leaks_json(const Leaks& leaks, const std::vector<std::string>& problems, std::size_t limit) {
  json frames = json::array();
  for (const Line& line : leaks.lines) frames.push_back(frame_json(line));
  json stacks = json::array();
  for (std::size_t i = 0; i < shown_of(leaks, limit); ++i) {
    const Leak& leak = leaks.stacks[i];
    json tests = json::array();
    for (const LeakOfTest& test : leak.tests) {
      tests.push_back({{"test", valid_utf8(test.name)},
                       {"at_test_end", amount_json(test.kept)},
                       {"alive", amount_json(test.alive)}});
    }
    stacks.push_back({{"looks_like", word(leak.looks)},
                      {"kind", leak.mapped ? "mapped" : "heap"},
                      {"frames", leak.frames},
                      {"alive", amount_json(leak.alive)},
                      {"freed_later", amount_json(freed(leak))},
                      {"tests", std::move(tests)}});
  }
  json said = json::array();
  for (const std::string& problem : problems) said.push_back(valid_utf8(problem));
  const json out = {{"format", "fittest-heap-leaks"},
                    {"version", 1},
                    {"processes", leaks.processes},
                    {"tests", leaks.tests},
                    {"alive", amount_json(leaks.alive)},
                    {"freed_later", amount_json(leaks.freed)},
                    {"pytest", amount_json(leaks.frameworks)},
                    {"problems", std::move(said)},
                    {"frames", std::move(frames)},
                    {"stacks", std::move(stacks)}};
  return out.dump(1) + "\n";
}

}  // namespace fittest::heap
