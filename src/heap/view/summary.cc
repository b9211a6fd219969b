#include "heap/view/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/bytes.h"
#include "report/width.h"
#include "report/words.h"

namespace fittest::heap {
namespace {

using report::Color;

constexpr std::size_t kMostRows = 12;
constexpr std::size_t kBar = 30;

Seconds seconds(std::uint64_t milliseconds) {
  return static_cast<Seconds>(milliseconds) / 1000;
}

std::string ending_text(const Profile& profile) {
  switch (profile.ending) {
    case Ending::ended:
      return "";
    case Ending::cut_off:
      return "; the process was cut off, the trace ends where it did";
    case Ending::running:
      return "; the process was still running";
  }
  return "";
}

// What the tracker has noted, in words.
std::string note_text(const Note& note) {
  if (note.key == "exec") return "it went on as " + note.value + ", which has a trace of its own";
  if (note.key == "unseen") {
    return "it brings " + note.value + ", which comes before what is preloaded: what that allocates is not seen";
  }
  if (note.key == "allocator")
    return "its allocator is " + note.value + ": what C++ gets by its own operator new is not seen";
  return note.key + ": " + note.value;
}

// An exact figure from the counters has no error; one of the stacks' sums has that of the sample.
std::string estimate(const Amount& amount) {
  return bytes_text(amount.bytes) + error_text(amount);
}

void put_counters(std::string& out, const Profile& profile, const Look& look) {
  const trace::Counters& counters = profile.counters;
  const auto size = [](std::uint64_t bytes) { return format_bytes({bytes}); };
  std::string peak = size(counters.peak);
  if (counters.threads > 1) {
    peak += fmt::format(", off by at most {} ({})", size((counters.threads - 1) * (std::uint64_t{64} << 10U)),
                        report::counted(counters.threads, "thread"));
  }
  if (profile.peak_milliseconds > 0)
    peak += fmt::format(", after {}", report::format_span(seconds(profile.peak_milliseconds)));
  if (profile.at_start.live > 0) peak += fmt::format("; {} of it held before", size(profile.at_start.live));
  put_labelled(out, "peak", peak, look, Color::bold);
  put_labelled(
      out, "allocated",
      fmt::format("{} in {}, {}", size(counters.allocated), report::counted(counters.allocations, "allocation"),
                  report::counted(counters.frees, "free")),
      look);
  if (counters.mappings > 0) {
    put_labelled(
        out, "mapped",
        fmt::format("{} held at the end, {}", size(counters.mapped), report::counted(counters.mappings, "mapping")),
        look);
  }
  put_labelled(out, "at the end", size(counters.live) + " held", look);
}

}  // namespace

std::string mode_text(const Profile& profile) {
  switch (profile.mode) {
    case trace::Mode::count:
      return "counters alone, no stacks";
    case trace::Mode::sample:
      return fmt::format("a sample every {} on average", format_bytes({profile.period}));
    case trace::Mode::exact:
      return "every allocation recorded";
  }
  return "";
}

std::string ranking_title(Measure by) {
  switch (by) {
    case Measure::peak:
      return "largest at the peak";
    case Measure::total:
      return "largest of all that was allocated";
    case Measure::leaked:
      return "largest held at the end";
    case Measure::temporary:
      return "largest of what was freed before the next allocation";
  }
  return "";
}

std::string process_text(const Profile& profile, const Look& look) {
  constexpr std::string_view kWho = "fittest heap: ";
  const std::string process = fmt::format(": process {}", profile.process);
  std::string program = report::one_line(profile.program);
  if (look.columns != 0) program = report::shorten_middle(program, look.room(kWho.size() + process.size()));
  const std::string who = program + process;
  std::string out = std::string(kWho) + look.style(Color::bold, who) + "\n";
  put_labelled(out, "trace",
               fmt::format("{}: {}; {}{}", profile.file, mode_text(profile),
                           report::format_span(seconds(profile.milliseconds)), ending_text(profile)),
               look);
  put_counters(out, profile, look);
  if (profile.mode != trace::Mode::count) {
    put_labelled(out, "leaked",
                 fmt::format("{} in {} allocations: never freed while it was watched", estimate(profile.leaked),
                             count_text(profile.leaked.count)),
                 look);
  }
  if (profile.mode != trace::Mode::count) {
    put_labelled(out, "temporary",
                 fmt::format("{} in {} allocations: freed before the next one", estimate(profile.temporary),
                             count_text(profile.temporary.count)),
                 look);
  }
  for (const Note& note : profile.notes) put_labelled(out, "note", note_text(note), look);
  if (profile.lost > 0) {
    put_labelled(out, "lost",
                 fmt::format("{} not recorded: figures by stack are too low by them",
                             report::counted(profile.lost, "allocation")),
                 look, Color::yellow);
  }
  for (const std::string& problem : profile.problems) put_labelled(out, "problem", problem, look, Color::yellow);
  return out;
}

std::string histogram_text(const Histogram& sizes, const Look& look) {
  std::size_t first = 0;
  std::size_t last = sizes.counts.size();
  while (first < last && !(sizes.counts[first] > 0)) ++first;
  while (last > first && !(sizes.counts[last - 1] > 0)) --last;
  if (first == last) return "";
  const std::size_t step = (last - first + kMostRows - 1) / kMostRows;
  std::vector<double> rows;
  for (std::size_t i = first; i < last; i += step) {
    double sum = 0;
    for (std::size_t j = i; j < std::min(i + step, sizes.counts.size()); ++j) sum += sizes.counts[j];
    rows.push_back(sum);
  }
  const double most = std::ranges::max(rows);
  std::string out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t bucket = first + i * step;
    const auto from = bucket == 0 ? 0.0 : std::ldexp(1.0, static_cast<int>(bucket));
    const auto to = std::ldexp(1.0, static_cast<int>(bucket + step));
    const auto length = static_cast<std::size_t>(std::lround(rows[i] / most * static_cast<double>(kBar)));
    const std::string bar(rows[i] > 0 ? std::max<std::size_t>(length, 1) : 0, '#');
    out += fmt::format("  {:>8} to {:<8}  {:>14}  {}", bytes_text(from), bytes_text(to), count_text(rows[i]),
                       look.style(Color::cyan, bar));
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

std::string summary_text(const Profile& profile, const Stacks& stacks, const RankingOptions& options,
                         const Look& look) {
  std::string out = process_text(profile, look);
  if (profile.mode == trace::Mode::count) return out;
  if (const std::string sizes = histogram_text(profile.sizes, look); !sizes.empty()) {
    out += "\n  sizes asked for, and how many allocations:\n" + sizes;
  }
  out += fmt::format("\n  {}, {} by stack:\n", ranking_title(options.by), estimate(of(stacks.sums, options.by)));
  const std::string ranking = ranking_text(stacks, options, look);
  out += ranking.empty() ? "     nothing was recorded\n" : ranking;
  return out;
}

}  // namespace fittest::heap
