#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <iostream>
#include <memory>

#include "cli/heap.h"
#include "cli/heap_live.h"
#include "cli/refuse.h"
#include "core/bytes.h"
#include "heap/launch/passed_output.h"
#include "heap/launch/suitable.h"
#include "heap/launch/traces.h"
#include "heap/launch/watched.h"
#include "heap/library.h"
#include "heap/pack/pack.h"
#include "heap/view/look.h"
#include "report/screen.h"
#include "report/words.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;

constexpr Seconds kBlockInterval = 0.5;  // between two looks at the live figures on a terminal
constexpr Seconds kLineInterval = 10;    // and elsewhere

struct Asked {
  std::vector<std::string> command;
  std::string mode = "sample";
  std::string follow = "none";
  std::optional<fs::path> output;
  std::optional<Bytes> period, limit;
  bool live = false;
  std::optional<Seconds> interval;
};

// A folder for the library that is gone at the end; empty where none was needed.
class OwnFolder {
 public:
  OwnFolder() = default;
  OwnFolder(OwnFolder&&) = delete;
  ~OwnFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Result<fs::path> make() {
    std::error_code problem;
    std::string name = (fs::temp_directory_path(problem) / "fittest-heap-XXXXXX").string();
    if (problem || ::mkdtemp(name.data()) == nullptr) return system_failure(errno, "a folder cannot be made", name);
    path_ = name;
    return path_;
  }

 private:
  fs::path path_;
};

Result<std::string> library(OwnFolder& own) {
  const fs::path folder = heap::heap_library_folder();
  if (!folder.empty()) {
    auto path = heap::heap_library(folder);
    if (path) return path;
  }
  const auto made = own.make();
  if (!made) return tl::unexpected(made.error());
  return heap::heap_library(*made);
}

std::string preload_with(const std::string& library) {
  const char* others = ::getenv("LD_PRELOAD");
  std::string out = "LD_PRELOAD=" + library;
  if (others != nullptr && *others != '\0') out += std::string(":") + others;
  return out;
}

void say(const std::string& text) {
  std::string line = "fittest heap: " + text + "\n";
  std::cerr << line << std::flush;
}

class Run {
 public:
  explicit Run(Asked asked) : asked_(std::move(asked)) {}

  int run() {
    const std::string name = asked_.command.front();
    const auto program = heap::find_program(name);
    if (!program) return refuse(program.error());
    name_ = program->filename().string();
    heap::LaunchOrder order{asked_.command, {}, {}, {}, {}};
    if (const auto why = heap::why_not_traceable(*program)) {
      say(*why + ": it cannot be traced, only its resident memory is measured");
    } else if (auto ready = prepare(order); !ready) {
      return refuse(ready.error());
    }
    begin_ = std::chrono::steady_clock::now();
    const bool on_terminal = asked_.live && report::screen_options("auto", STDERR_FILENO).terminal;
    if (auto ended = on_terminal && traces_ ? follow_in_block(order) : follow_plainly(order); !ended) {
      return refuse(ended.error());
    }
    summarise();
    return status_.code();
  }

 private:
  Result<void> prepare(heap::LaunchOrder& order) {
    if (asked_.output) {
      std::error_code problem;
      if (fs::is_directory(*asked_.output, problem)) {
        return failure("is a folder", asked_.output->string(), "name a file in it");
      }
      if (fs::exists(*asked_.output, problem) && !heap::is_trace(*asked_.output)) {
        return failure("is there already and is no trace: it is left as it is", asked_.output->string(),
                       "name another file, or remove it");
      }
    }
    auto traces = heap::Traces::below(asked_.output.value_or("fittest." + name_));
    if (!traces) return tl::unexpected(traces.error());
    const auto path = library(own_folder_);
    if (!path) return tl::unexpected(path.error());
    order.environment = {preload_with(*path), "FITTEST_HEAP_OUTPUT=" + traces->prefix().string(),
                         "FITTEST_HEAP_MODE=" + asked_.mode, "FITTEST_HEAP_FOLLOW=" + asked_.follow};
    if (asked_.period) order.environment.push_back("FITTEST_HEAP_PERIOD=" + std::to_string(asked_.period->value));
    if (asked_.limit) order.environment.push_back("FITTEST_HEAP_LIMIT=" + std::to_string(asked_.limit->value));
    order.without = {"FITTEST_HEAP_PERIOD", "FITTEST_HEAP_LIMIT"};
    traces_ = std::move(*traces);
    return {};
  }

  [[nodiscard]] Seconds now() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

  void ended(const heap::Watched& watched) {
    took_ = now();
    status_ = watched.status();
    pid_ = static_cast<std::uint32_t>(watched.pid());
    resident_ = watched.resident();
    least_resident_ = watched.least_resident();
  }

  // The program's streams are ours.
  Result<void> follow_plainly(const heap::LaunchOrder& order) {
    auto watched = heap::Watched::start(order);
    if (!watched) return tl::unexpected(watched.error());
    if (asked_.live && traces_) {
      HeapLive live(*traces_, static_cast<std::uint32_t>(watched->pid()), name_);
      const Seconds interval = asked_.interval.value_or(kLineInterval);
      Seconds next = interval;
      while (!watched->wait(std::max(0.0, next - now()))) {
        if (now() < next) continue;
        live.look(now());
        std::cerr << heap::live_line(live.state()) + "\n" << std::flush;
        next = now() + interval;
      }
    }
    while (!watched->wait(-1)) {
    }
    ended(*watched);
    return {};
  }

  // What it writes to the terminal scrolls above the block.
  Result<void> follow_in_block(heap::LaunchOrder order) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure(errno, "cannot make a pipe", name_);
    const Descriptor from(ends[0]);
    Descriptor into(ends[1]);
    ::fcntl(from.get(), F_SETFL, O_NONBLOCK);
    if (::isatty(STDOUT_FILENO) == 1) order.output = into.get();
    if (::isatty(STDERR_FILENO) == 1) order.error = into.get();
    auto watched = heap::Watched::start(order);
    if (!watched) return tl::unexpected(watched.error());
    into.reset();
    heap::PassedOutput screen(STDERR_FILENO);
    HeapLive live(*traces_, static_cast<std::uint32_t>(watched->pid()), name_);
    const Seconds interval = asked_.interval.value_or(kBlockInterval);
    Seconds next = 0;
    bool open = true;
    while (!watched->wait(std::max(0.0, next - now()), open ? std::vector<int>{from.get()} : std::vector<int>{})) {
      open = open && pass(from, screen);
      if (now() < next) continue;
      live.look(now());
      const report::ScreenOptions look = report::screen_options("auto", STDERR_FILENO);
      constexpr std::size_t kLines = 10;
      screen.show(heap::live_block(live.state(), kLines, {look.columns, report::Style(look.color)}), now());
      next = now() + interval;
    }
    pass(from, screen);
    screen.finish(now());
    ended(*watched);
    return {};
  }

  // Whatever there is. False: nothing will come any more.
  bool pass(const Descriptor& from, heap::PassedOutput& screen) const {
    std::array<char, 65536> buffer{};
    while (true) {
      const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
      if (got > 0) {
        screen.pass({buffer.data(), static_cast<std::size_t>(got)}, now());
      } else if (got == 0 || errno != EINTR) {
        return got != 0;
      }
    }
  }

  void summarise() {
    std::string text = fmt::format("fittest heap: {}: {} after {}\n", report::one_line(name_), status_.text(),
                                   report::format_span(took_));
    const heap::Look look{report::terminal_columns(STDERR_FILENO), report::Style(false)};
    std::vector<fs::path> files;
    if (traces_) files = traces_->of(pid_);
    if (asked_.follow != "exec") forget_launchers(files);
    if (traces_ && files.empty()) {
      heap::put_labelled(text, "trace", "none was begun: the program did not load what records it", look);
    }
    std::optional<heap::trace::Header> header;
    if (!files.empty()) {
      name_output(files.back());
      if (const auto file = heap::TraceFile::open(files.back())) header = file->header();
    }
    if (header) put_counters(text, header->counters, look);
    const std::string most = format_bytes({resident_});
    // What the kernel hands over to the program is ours.
    heap::put_labelled(text, "resident", resident_ <= least_resident_ ? "less than " + most : most + " at most", look);
    pack(files);
    if (header) put_traces(text, files, look);
    std::cerr << text << std::flush;
  }

  static void put_counters(std::string& text, const heap::trace::Counters& counters, const heap::Look& look) {
    heap::put_labelled(text, "peak", format_bytes({counters.peak}), look);
    heap::put_labelled(text, "allocated",
                       fmt::format("{} in {}", format_bytes({counters.allocated}),
                                   report::counted(counters.allocations, "allocation")),
                       look);
    const std::uint64_t left = counters.allocations - std::min(counters.frees, counters.allocations);
    std::string leaked =
        fmt::format("{} in {}, held at the end", format_bytes(Bytes{counters.live} - Bytes{counters.mapped}),
                    report::counted(left, "allocation"));
    if (counters.mapped > 0) leaked += fmt::format("; {} mapped", format_bytes({counters.mapped}));
    heap::put_labelled(text, "leaked", leaked, look);
  }

  // What the program was before it executed another in its own place: env, a shell, a launcher of Python.
  static void forget_launchers(std::vector<fs::path>& files) {
    while (files.size() > 1) {
      std::error_code ignored;
      fs::remove(files.front(), ignored);
      files.erase(files.begin());
    }
  }

  // The user's own name for the one trace there is.
  void name_output(fs::path& file) const {
    if (!asked_.output || asked_.follow != "none") return;
    std::error_code problem;
    fs::rename(file, traces_->prefix(), problem);
    if (problem) {
      say(fmt::format("{} keeps its name: {}", file.string(), problem.message()));
    } else {
      file = traces_->prefix();
    }
  }

  // The traces of a family refer to each other, and are left as they are.
  void pack(const std::vector<fs::path>& files) const {
    if (asked_.follow != "none") return;
    for (const fs::path& file : files) {
      if (const auto packed = heap::pack_trace(file); !packed)
        say("the trace stays unpacked: " + packed.error().text());
    }
  }

  void put_traces(std::string& text, const std::vector<fs::path>& files, const heap::Look& look) const {
    std::error_code problem;
    const auto shown = [](const fs::path& file) {
      std::error_code none;
      const fs::path near = fs::proximate(file, none);
      return none || near.string().size() >= file.string().size() ? file.string() : near.string();
    };
    const auto size = fs::file_size(files.back(), problem);
    std::string line = shown(files.back());
    if (!problem) line += fmt::format(" ({})", format_bytes({size}));
    heap::put_labelled(text, "trace", line, look);
    for (std::size_t i = 0; i + 1 < files.size(); ++i) {
      heap::put_labelled(text, "", shown(files[i]) + ": of the program that it was before", look);
    }
    const auto all = traces_->all();
    const std::size_t others = all.size() - std::min(all.size(), files.size());
    if (asked_.follow != "none" && others > 0) {
      heap::put_labelled(
          text, "", fmt::format("{} more, of processes that it started: {}.*.heap", others, shown(traces_->prefix())),
          look);
    }
    text += "  read it with   fittest heap report " + shown(files.back()) + "\n";
  }

  Asked asked_;
  std::string name_;
  std::optional<heap::Traces> traces_;  // none: it cannot be traced
  OwnFolder own_folder_;
  std::chrono::steady_clock::time_point begin_;
  Seconds took_ = 0;
  ExitStatus status_;
  std::uint32_t pid_ = 0;
  std::uint64_t resident_ = 0;
  std::uint64_t least_resident_ = 0;
};

CLI::Option* add_size(CLI::App* verb, const std::string& name, std::optional<Bytes>& into, const std::string& help) {
  return verb
      ->add_option_function<std::string>(
          name,
          [&into, name](const std::string& text) {
            const auto size = parse_bytes(text);
            if (!size) throw CLI::ValidationError(name, size.error().text());
            if (size->value == 0) throw CLI::ValidationError(name, "must be more than nothing");
            into = *size;
          },
          help)
      ->type_name("SIZE");
}

}  // namespace

void add_heap_run_verb(CLI::App& heap, std::optional<int>& code) {
  auto asked = std::make_shared<Asked>();
  CLI::App* verb = heap.add_subcommand("run", "Run a program and trace what it allocates");
  verb->add_option("CMD", asked->command, "The program and its arguments, behind --")->required();
  CLI::Option* exact = verb->add_flag_callback(
      "--exact", [asked] { asked->mode = "exact"; }, "Record every allocation, not a sample");
  CLI::Option* count = verb->add_flag_callback(
      "--count", [asked] { asked->mode = "count"; }, "Only count: peak and totals, no stacks");
  CLI::Option* period = add_size(verb, "--period", asked->period, "Mean bytes between two samples; 64K");
  exact->excludes(count)->excludes(period);
  count->excludes(period);
  verb->add_option(
          "-o,--output", asked->output,
          "The trace; fittest.NAME.PID.heap. With --follow-fork and --follow-exec the beginning of their names")
      ->type_name("FILE");
  verb->add_flag_callback(
      "--follow-fork",
      [asked] {
        if (asked->follow == "none") asked->follow = "fork";
      },
      "Trace the processes that it forks too, each into a file of its own");
  verb->add_flag_callback(
      "--follow-exec", [asked] { asked->follow = "exec"; }, "And what executes another program, before and after");
  add_size(verb, "--limit", asked->limit, "Bytes that a trace may grow to; 8G");
  CLI::Option* live = verb->add_flag("--live", asked->live, "Show figures and the largest stacks while it runs");
  verb->add_option("--interval", asked->interval, "With --live: seconds between two looks")
      ->needs(live)
      ->check(CLI::Range(0.05, 86'400.0))
      ->type_name("SECONDS");
  verb->positionals_at_end();
  verb->callback([asked, &code] { code = Run(*asked).run(); });
}

}  // namespace fittest::cli
