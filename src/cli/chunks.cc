#include "cli/chunks.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

#include "cli/chunks_text.h"
#include "cli/config_file.h"
#include "cli/listing.h"
#include "cli/refuse.h"
#include "memory/budget.h"
#include "report/screen.h"
#include "report/words.h"
#include "run/run_folder.h"
#include "select/suggest.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;
constexpr int kInterrupted = 2;
constexpr const char* kStateFolder = ".fittest";

struct Asked {
  std::optional<std::string> budget;
  std::optional<std::string> python;
  std::optional<std::string> isolation;
  std::optional<std::string> domain;
  std::optional<std::string> variant;
  std::vector<std::string> chunks;
  std::optional<std::string> run_folder;
  bool list = false;
  bool dry_run = false;
  bool suggest = false;
  bool strict = false;
  bool no_parallel = false;
  bool fail_fast = false;
  bool verbose = false;
};

void print(std::ostream& out, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) out << line << "\n";
}

unsigned core_count() {
  cpu_set_t cores;
  return ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? static_cast<unsigned>(CPU_COUNT(&cores)) : 1;
}

// This very program, also where its file has been replaced since it began.
std::string own_program() {
  std::error_code problem;
  const fs::path program = fs::read_symlink("/proc/self/exe", problem);
  return !problem && fs::exists(program, problem) ? program.string() : "/proc/self/exe";
}

// Names of files that were typed in another folder than the chunks run in.
void make_absolute(Asked& asked) {
  if (asked.run_folder) asked.run_folder = fs::absolute(*asked.run_folder).lexically_normal().string();
  if (asked.python && asked.python->find('/') != std::string::npos) asked.python = fs::absolute(*asked.python).string();
}

Result<Listing> list_all(const Asked& asked, const Config& config) {
  ListingOptions options;
  options.python = asked.python;
  options.arguments = {"--rootdir=."};
  return list_suite(options, config);
}

int suggest(const Asked& asked, const Config& config) {
  const auto limits = memory::read_limits();
  if (!limits) return refuse(limits.error());
  const auto budget = memory::choose_budget(
      *limits, asked.budget || !config.budget ? asked.budget : std::optional(config.budget->value));
  if (!budget) return refuse(budget.error());
  const auto listing = list_all(asked, config);
  if (!listing) return refuse(listing.error());
  if (std::ranges::none_of(listing->facts, &Facts::known)) {
    return refuse({"no test of this suite was measured yet", "--suggest", "run it once: fittest pytest"});
  }
  std::cout << to_toml(select::suggest(listing->tests, listing->facts, {budget->bytes, core_count()}), listing->tests,
                       listing->facts);
  return 0;
}

run::ChunkOptions chunk_options(const Asked& asked, fs::path folder) {
  run::ChunkOptions options;
  options.program = own_program();
  options.folder = std::move(folder);
  if (asked.no_parallel) options.workers = run::ChunkOptions::Workers::one;
  for (const auto& [option, value] : {std::pair("--budget", asked.budget), std::pair("--python", asked.python),
                                      std::pair("--isolation", asked.isolation), std::pair("--domain", asked.domain),
                                      std::pair("--variant", asked.variant)}) {
    if (value) options.handed_on.insert(options.handed_on.end(), {option, *value});
  }
  return options;
}

// What is known of the chunks' tests before they run; nothing where the suite could not be collected.
using Forecasts = std::vector<std::optional<select::ChunkForecast>>;

Forecasts forecasts(const select::ChunkCover& cover, const Listing& listing, std::span<const select::Chunk> chunks,
                    const Asked& asked) {
  Forecasts out;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const unsigned workers = asked.no_parallel ? 1 : chunks[i].workers.value_or(core_count());
    out.emplace_back(select::forecast(cover.tests[i], listing.predictions, workers));
  }
  return out;
}

int run_all(std::span<const run::ChunkOrder> orders, run::ChildRunner& runner, const Asked& asked) {
  const report::ScreenOptions look = report::screen_options("auto", STDOUT_FILENO);
  const report::Style style(look.color);
  std::size_t begun = 0;
  const auto begins = [&](const run::ChunkOrder& order) {
    const std::string title =
        "fittest: chunk " + order.name + ", " + std::to_string(++begun) + " of " + std::to_string(orders.size());
    const std::string tests = order.expected ? ": " + report::counted(*order.expected, "test") : "";
    std::cout << style(report::Color::bold, title) << tests << std::endl;
  };
  const auto results =
      run::run_chunks(orders, runner, asked.fail_fast ? run::AfterFailure::stop : run::AfterFailure::go_on, begins);
  std::cout << "\n";
  print(std::cout, report::chunk_table(results, look.columns, style));
  if (const auto failures = report::chunk_failures(results, style); !failures.empty()) {
    std::cout << "\n";
    print(std::cout, failures);
  }
  std::cout.flush();
  return runner.interrupted() ? kInterrupted : run::exit_code(results);
}

int run_verb(Asked asked) {
  auto config = read_config(".");
  if (!config) return refuse(config.error());
  make_absolute(asked);
  if (!config->file.empty()) fs::current_path(config->file.parent_path());
  if (asked.suggest) return suggest(asked, *config);

  if (config->chunks.empty()) {
    return refuse({"there are no chunks", config->file.empty() ? "fittest.toml" : config->file.string(),
                   "write [[chunk]] tables into it; fittest chunks --suggest shows how"});
  }
  const std::vector<select::Chunk>& all = config->chunks;
  if (const auto there = run::check_paths(all); !there) return refuse(there.error());
  auto chosen = asked.chunks.empty() ? all : select::named(all, asked.chunks);
  if (!chosen) return refuse(chosen.error());
  if (asked.list) {
    print(std::cout, list_of_chunks(*chosen));
    return 0;
  }

  run::ChildRunner runner({});  // hears Ctrl-C from here on
  const auto listing = list_all(asked, *config);
  if (runner.interrupted()) return kInterrupted;
  Forecasts expected(all.size());
  if (listing) {
    const select::ChunkCover cover = select::cover(listing->tests, listing->facts, all);
    print(std::cerr, listing->notices);
    const auto lines = describe_cover(cover, all, listing->tests, asked.verbose ? Tests::all : Tests::first_ten);
    print(std::cerr, lines);
    if (asked.strict && !lines.empty()) {
      return refuse({"each test should be in one chunk, and that is not so", config->file.string(),
                     "change the chunks, or run them as they are: without --strict"});
    }
    expected = forecasts(cover, *listing, all, asked);
  } else if (asked.strict) {
    return refuse(listing.error());
  } else {
    std::cerr << "fittest: what the chunks overlap and leave out is not known: " << listing.error().text() << "\n";
  }

  const std::string id = run::new_run_id();
  fs::path folder = asked.run_folder ? fs::path(*asked.run_folder) : fs::path(kStateFolder) / "chunks" / id;
  if (!asked.dry_run && !asked.run_folder) {
    const auto made = run::make_chunks_folder(kStateFolder, id);
    if (!made) return refuse(made.error());
  }
  const run::ChunkOptions options = chunk_options(asked, std::move(folder));
  std::vector<run::ChunkOrder> orders;
  if (asked.dry_run) std::cout << "cd " << run::shell_quoted(fs::current_path().string()) << "\n";
  for (const select::Chunk& chunk : *chosen) {
    const auto place = std::ranges::find(all, chunk.name, &select::Chunk::name) - all.begin();
    const auto& forecast = expected[static_cast<std::size_t>(place)];
    run::ChunkOrder order = order_for(chunk, options);
    if (forecast) order.expected = forecast->tests;
    if (asked.dry_run) print(std::cout, dry_run(order, forecast));
    orders.push_back(std::move(order));
  }
  return asked.dry_run ? 0 : run_all(orders, runner, asked);
}

}  // namespace

void add_chunks_verb(CLI::App& app, std::optional<int>& code) {
  auto asked = std::make_shared<Asked>();
  CLI::App* verb =
      app.add_subcommand("chunks", "Run the chunks of the configuration one after another, each by itself");
  verb->add_option("--chunk", asked->chunks, "Only this one; can be given several times")->type_name("NAME");
  verb->add_flag("--list", asked->list, "Show the chunks, and run nothing");
  verb->add_flag("--dry-run", asked->dry_run, "Show what would run: commands, tests and memory expected");
  verb->add_flag("--suggest", asked->suggest, "Write chunks for this suite, from what its tests took in earlier runs");
  verb->add_flag("--strict", asked->strict, "Run nothing if a test is in several chunks or in none: exit code 4");
  verb->add_flag("--no-parallel", asked->no_parallel, "One worker, in order");
  verb->add_flag("--fail-fast", asked->fail_fast, "Leave out what comes after the first chunk that fails");
  verb->add_option("--run-folder", asked->run_folder, "Where the runs' files go; default: .fittest/chunks/<id>")
      ->type_name("FOLDER");
  verb->add_flag("-v,--verbose", asked->verbose, "Name all tests that are in several chunks or in none");
  verb->add_option("--budget", asked->budget, "Memory for each chunk, as for fittest pytest")->type_name("SIZE");
  verb->add_option("--python", asked->python, "The interpreter, as for fittest pytest")->type_name("PATH");
  verb->add_option("--isolation", asked->isolation, "How workers are made, as for fittest pytest")
      ->check(CLI::IsMember({"auto", "fork", "spawn", "none"}))
      ->type_name("auto|fork|spawn|none");
  verb->add_option("--domain", asked->domain, "How memory is measured and limited, as for fittest pytest")
      ->check(CLI::IsMember({"auto", "cgroup-v2", "cgroup-v1", "proc"}))
      ->type_name("auto|cgroup-v2|cgroup-v1|proc");
  verb->add_option("--variant", asked->variant, "A name for runs in another setting, as for fittest pytest")
      ->type_name("NAME");
  verb->footer(
      "Each chunk is a run of its own: one that fails, hangs or is killed does not stop the next.\n"
      "Exit codes: 0 all passed, 1 a chunk failed, 2 interrupted, 4 bad input, 5 no tests in any chunk.");
  verb->callback([asked, &code] { code = run_verb(std::move(*asked)); });
}

}  // namespace fittest::cli
