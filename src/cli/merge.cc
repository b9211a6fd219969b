#include "cli/merge.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/config_file.h"
#include "cli/refuse.h"
#include "core/descriptor.h"
#include "core/read_file.h"
#include "history/store.h"
#include "merge/github.h"
#include "merge/junit.h"
#include "merge/merge.h"
#include "merge/missing.h"
#include "merge/read.h"
#include "merge/record.h"
#include "merge/screen.h"
#include "merge/timeline.h"
#include "report/screen.h"
#include "select/split_plan.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSummary = "GITHUB_STEP_SUMMARY";

struct Asked {
  std::vector<fs::path> runs;
  fs::path out = ".fittest/merged";
  fs::path history = ".fittest/history.db";
  std::optional<std::string> plan;
  bool github = false;
  std::string color = "auto";
};

Result<std::optional<select::SplitPlan>> read_plan(const std::optional<std::string>& file) {
  if (!file) return std::nullopt;
  const auto text = read_file(*file);
  if (!text) return tl::unexpected(text.error());
  auto plan = select::SplitPlan::from_json(*text, *file);
  if (!plan) return tl::unexpected(plan.error());
  return std::optional(std::move(*plan));
}

Result<void> write_outputs(const merge::Merged& merged, history::Store& history, const fs::path& folder) {
  if (auto written = history.copy_to(folder / "history.db"); !written) return written;
  if (auto written = merge::write_junit(merged, folder / "junit.xml"); !written) return written;
  if (auto written = merge::write_timeline(merged.runs, folder / "events.jsonl"); !written) return written;
  return merge::write_missing(merged, folder / "missing.txt");
}

// Appends, as GitHub asks: other steps' text may stand there.
Result<void> add_to_summary(const std::string& markdown) {
  const char* file = std::getenv(kSummary);
  if (file == nullptr || *file == '\0') {
    std::cout << "fittest: " << kSummary << " is not set: no summary is written\n";
    return {};
  }
  const Descriptor opened(::open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
  std::string_view rest = markdown;
  while (opened && !rest.empty()) {
    const ssize_t done = ::write(opened.get(), rest.data(), rest.size());
    if (done > 0) rest.remove_prefix(static_cast<std::size_t>(done));
    if (done <= 0 && errno != EINTR) break;
  }
  if (!opened || !rest.empty()) return system_failure(errno, "cannot be written", file, std::string("see ") + kSummary);
  return {};
}

int run_merge(const Asked& asked) {
  auto plan = read_plan(asked.plan);
  if (!plan) return refuse(plan.error());
  auto read = merge::read_runs(asked.runs, asked.out);
  if (!read) return refuse(read.error());
  merge::MergeInput input{std::move(read->runs), std::move(*plan), std::move(read->problems), std::move(read->notices)};
  merge::Merged merged = merge::merge(std::move(input));

  auto history = history::Store::open(asked.history);
  merge::record_runs(merged.runs, history);
  const auto& notices = history.notices();
  merged.notices.insert(merged.notices.end(), notices.begin(), notices.end());
  if (auto written = write_outputs(merged, history, asked.out); !written) return refuse(written.error());

  const report::ScreenOptions look = report::screen_options(asked.color, STDOUT_FILENO);
  std::cout << merge::screen_text(merged, asked.out.string(), look.columns, report::Style(look.color));
  if (asked.github) {
    std::cout << merge::annotations(merged);
    if (auto added = add_to_summary(merge::markdown(merged)); !added) return refuse(added.error());
  }
  return merged.exit_code();
}

}  // namespace

void add_merge_verb(CLI::App& app, std::optional<int>& code) {
  auto asked = std::make_shared<Asked>();
  CLI::App* verb = app.add_subcommand("merge", "Merge runs of several machines: verdicts, what is missing, history");
  verb->add_option("RUN", asked->runs, "Folders of runs, or folders that hold some, such as downloaded artifacts")
      ->required();
  verb->add_option("--out", asked->out,
                   "Where junit.xml, events.jsonl, missing.txt and history.db go; default: .fittest/merged")
      ->type_name("DIR");
  CLI::Option* history =
      verb->add_option("--history", asked->history, "The history to merge into; default: .fittest/history.db")
          ->type_name("FILE");
  verb->add_option("--plan", asked->plan, "The plan of `fittest split` that was run: none of its tests may be missing")
      ->type_name("FILE");
  verb->add_flag("--github", asked->github, "Annotations, and a table in the step's summary");
  verb->add_option("--color", asked->color, "Colours: yes, no, auto (on a terminal)")
      ->check(CLI::IsMember({"yes", "no", "auto"}))
      ->type_name("WORD");
  verb->callback([asked, history, &code] {
    const auto config = read_config(".");
    if (!config) {
      code = refuse(config.error());
      return;
    }
    if (history->count() == 0 && config->history) asked->history = config->history->value;
    code = run_merge(*asked);
  });
}

}  // namespace fittest::cli
