#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/heap.h"
#include "cli/heap_input.h"
#include "cli/refuse.h"
#include "core/atomic_file.h"
#include "core/read_file.h"
#include "heap/read/trace_reader.h"
#include "heap/view/collapsed.h"
#include "heap/view/flame_graph.h"
#include "heap/view/json.h"
#include "heap/view/pprof.h"
#include "heap/view/source_lines.h"
#include "heap/view/speedscope.h"
#include "heap/view/summary.h"
#include "heap/view/tree.h"
#include "report/screen.h"
#include "report/words.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;

struct Asked {
  std::vector<fs::path> files;
  std::optional<heap::Measure> top;
  bool tree = false;
  bool lines = false;
  bool json = false;
  bool native = false;
  bool no_stacks = false;
  std::vector<std::string> functions;
  std::optional<fs::path> flame_graph, collapsed, pprof, speedscope;
  std::optional<std::size_t> limit;
  std::string color = "auto";

  [[nodiscard]] heap::Measure by() const { return top.value_or(heap::Measure::peak); }
  [[nodiscard]] bool exports() const { return flame_graph || collapsed || pprof || speedscope; }
  [[nodiscard]] bool needs_stacks() const { return top || tree || lines || exports(); }
};

std::optional<std::string> source_of(const std::string& file) {
  auto text = read_file(file);
  if (!text) return std::nullopt;
  return std::move(*text);
}

Result<void> check(const Asked& asked, const heap::Profile& profile) {
  if (profile.mode == heap::trace::Mode::count && asked.needs_stacks()) {
    return failure("the trace has counters alone, no stacks", profile.file, "trace it again without --count");
  }
  return {};
}

std::string about(const HeapInput& input) {
  const heap::trace::Counters& counters = input.profile.counters;
  const std::string who = input.processes == 1 ? fmt::format("process {}", input.profile.process)
                                               : report::counted(input.processes, "process");
  return fmt::format("{}; {}; {} at the peak, {} allocated in all", who, heap::mode_text(input.profile),
                     format_bytes({counters.peak}), format_bytes({counters.allocated}));
}

Result<void> write_exports(const Asked& asked, const HeapInput& input) {
  const auto put = [](const fs::path& file, std::string_view text) -> Result<void> {
    // For a pipe: --collapsed /dev/stdout.
    std::error_code problem;
    if (fs::exists(file, problem) && !fs::is_regular_file(file, problem) && !fs::is_directory(file, problem)) {
      std::FILE* out = std::fopen(file.c_str(), "wb");
      const bool written = out != nullptr && std::fwrite(text.data(), 1, text.size(), out) == text.size();
      if ((out != nullptr && std::fclose(out) != 0) || !written) {
        return system_failure(errno, "cannot be written", file.string());
      }
      return {};
    }
    if (auto written = write_file(file, text); !written) return written;
    std::cerr << "fittest: written: " << file.string() << "\n";
    return {};
  };
  const std::string& program = input.profile.program;
  if (asked.flame_graph) {
    const std::string page = heap::flame_graph_html(input.stacks, program, about(input), asked.by());
    if (auto done = put(*asked.flame_graph, page); !done) return done;
  }
  if (asked.collapsed) {
    if (auto done = put(*asked.collapsed, heap::collapsed_text(input.stacks, asked.by())); !done) return done;
  }
  if (asked.speedscope) {
    if (auto done = put(*asked.speedscope, heap::speedscope_json(input.stacks, program, asked.by())); !done)
      return done;
  }
  if (asked.pprof) {
    const auto file = heap::pprof_file(input.stacks, input.profile, asked.by());
    if (!file) return tl::unexpected(file.error());
    if (auto done = put(*asked.pprof, *file); !done) return done;
  }
  return {};
}

nlohmann::json with_format(const nlohmann::json& report) {
  nlohmann::json out = {{"format", "fittest-heap"}, {"version", 1}};
  out.update(report);
  return out;
}

Result<std::string> text_of(const Asked& asked, const HeapInput& input, const heap::Look& look) {
  constexpr std::size_t kStacks = 10;
  constexpr std::size_t kFrames = 8;
  constexpr std::size_t kNodes = 60;
  constexpr double kLeastShare = 0.01;
  if (asked.json) {
    return with_format(heap::report_json(input.profile, input.stacks, asked.by(), asked.limit.value_or(0))).dump(1) +
           "\n";
  }
  if (asked.lines) {
    heap::SourceLinesOptions options{asked.functions, asked.by(), asked.limit.value_or(0)};
    return heap::source_lines_text(input.stacks, input.profile.codes, source_of, options, look);
  }
  if (asked.tree) return heap::tree_text(input.stacks, {asked.by(), asked.limit.value_or(kNodes)}, look);
  if (asked.top) {
    const heap::Amount& sum = of(input.stacks.sums, *asked.top);
    const std::string title = fmt::format(
        "fittest heap: {}: {}, {}{}\n", report::one_line(fs::path(input.profile.program).filename().string()),
        heap::ranking_title(*asked.top), heap::bytes_text(sum.bytes), heap::error_text(sum));
    return title + heap::ranking_text(input.stacks, {*asked.top, asked.limit.value_or(kStacks), 0}, look);
  }
  // With a limit of one's own, that many.
  const heap::RankingOptions ranking{asked.by(), asked.limit.value_or(kStacks), kFrames, asked.limit ? 0 : kLeastShare};
  return heap::summary_text(input.profile, input.stacks, ranking, look);
}

// Without looking up a name.
int run_figures(const Asked& asked) {
  if (asked.files.size() != 1) return refuse({"takes one trace at a time", "--no-stacks", "name one"});
  const auto profile = heap::read_profile(asked.files.front());
  if (!profile) return refuse(profile.error());
  std::cout << with_format(heap::process_json(*profile)).dump(1) << "\n";
  return 0;
}

int run_report(const Asked& asked) {
  if (asked.no_stacks) return run_figures(asked);
  auto input = read_heap_traces(asked.files, asked.native);
  if (!input) return refuse(input.error());
  if (auto fits = check(asked, input->profile); !fits) return refuse(fits.error());
  if (auto written = write_exports(asked, *input); !written) return refuse(written.error());
  if (asked.exports() && !asked.json && !asked.tree && !asked.lines) return 0;
  const report::ScreenOptions screen = report::screen_options(asked.color, STDOUT_FILENO);
  const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  const auto text = text_of(asked, *input, {is_terminal ? screen.columns : 0, report::Style(screen.color)});
  if (!text) return refuse(text.error());
  std::cout << *text;
  return 0;
}

}  // namespace

void add_heap_report_verb(CLI::App& heap, std::optional<int>& code) {
  auto asked = std::make_shared<Asked>();
  CLI::App* verb = heap.add_subcommand("report", "What a trace says: figures, stacks, lines, graphs");
  verb->add_option("FILE", asked->files, "Traces; those of several processes of one run are put together")->required();
  verb->add_option_function<std::string>(
          "--top",
          [asked](const std::string& word) {
            asked->top = heap::measure_from(word);
            if (!asked->top) {
              throw CLI::ValidationError("--top", "'" + word + "' is none of peak, total, leaked, temporary");
            }
          },
          "The largest stacks by peak, total, leaked or temporary; also what the other views show")
      ->type_name("WORD");
  CLI::Option* tree = verb->add_flag("--tree", asked->tree, "The call tree, from the program's start inwards");
  CLI::Option* lines = verb->add_flag("--lines", asked->lines, "Line by line: the source of functions marked @profile");
  verb->add_option("--function", asked->functions, "With --lines: functions by name or glob instead, also native ones")
      ->needs(lines)
      ->type_name("GLOB");
  verb->add_option("--flamegraph", asked->flame_graph, "Write a flame graph: one HTML file that needs no network")
      ->type_name("OUT.html");
  verb->add_option("--collapsed", asked->collapsed, "Write collapsed stacks: a;b;c BYTES")->type_name("OUT");
  verb->add_option("--pprof", asked->pprof, "Write a profile for pprof")->type_name("OUT");
  verb->add_option("--speedscope", asked->speedscope, "Write a profile for speedscope")->type_name("OUT");
  CLI::Option* json = verb->add_flag("--json", asked->json, "All of it as JSON");
  tree->excludes(lines);
  json->excludes(tree)->excludes(lines);
  verb->add_flag("--no-stacks", asked->no_stacks, "With --json: the sums alone, without looking up any name")
      ->needs(json);
  verb->add_flag("--native", asked->native, "CPython's own functions between Python's too");
  verb->add_option("--limit", asked->limit,
                   "At most this many stacks (10), nodes of the tree (60) or functions; 0: all")
      ->type_name("N");
  verb->add_option("--color", asked->color, "Colours: yes, no, auto (on a terminal)")
      ->check(CLI::IsMember({"yes", "no", "auto"}))
      ->type_name("WORD");
  verb->callback([asked, &code] { code = run_report(*asked); });
}

}  // namespace fittest::cli
