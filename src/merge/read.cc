#include "merge/read.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

namespace fittest::merge {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEvents = "events.jsonl";
constexpr const char* kSelection = "selection.json";
constexpr const char* kRemedy = "name the folder of a run (.fittest/runs/<id>), or one that holds some";
constexpr std::size_t kCutMessage = 512;

bool is_run(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kEvents, ignored) || fs::is_regular_file(folder / kSelection, ignored);
}

fs::path resolved(const fs::path& path) {
  std::error_code ignored;
  return fs::weakly_canonical(path, ignored);
}

// The folders of runs in `folder`, itself included, in the order of their names. A run is not looked into.
Result<void> find_runs(const fs::path& folder, const fs::path& except, std::vector<fs::path>& found) {
  if (resolved(folder) == except) return {};
  if (is_run(folder)) {
    found.push_back(folder);
    return {};
  }
  std::error_code problem;
  std::vector<fs::path> below;
  for (fs::directory_iterator it(folder, problem), end; !problem && it != end; it.increment(problem)) {
    std::error_code ignored;
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) below.push_back(it->path());
  }
  if (problem) return failure("cannot be read: " + problem.message(), folder.string(), kRemedy);
  std::ranges::sort(below);
  for (const fs::path& each : below) {
    if (auto looked = find_runs(each, except, found); !looked) return looked;
  }
  return {};
}

void cut_message(std::string& message, std::size_t& room) {
  if (message.size() <= room || message.size() <= kCutMessage) {
    room -= std::min(room, message.size());
    return;
  }
  const std::size_t half = kCutMessage / 2;
  message = message.substr(0, half) + "\n[...]\n" + message.substr(message.size() - half);
}

Result<Run> read_run(const fs::path& folder, std::size_t& room_for_messages) {
  Run run{.folder = folder, .journal = {}};
  std::error_code ignored;
  if (fs::exists(folder / kSelection, ignored)) {
    auto selection = report::read_selection(folder / kSelection);
    if (!selection) return tl::unexpected(selection.error());
    run.selection = std::move(*selection);
  }
  if (fs::exists(folder / kEvents, ignored)) {
    auto journal = report::read_journal(folder / kEvents);
    if (!journal) return tl::unexpected(journal.error());
    run.journal = std::move(*journal);
  }
  for (report::TestFinished& test : run.journal.finished) cut_message(test.message, room_for_messages);
  run.journal.finished.shrink_to_fit();
  return run;
}

}  // namespace

Result<RunsRead> read_runs(const std::vector<fs::path>& named, const fs::path& except) {
  RunsRead out;
  std::set<fs::path> seen;
  std::size_t room_for_messages = kWholeMessages;
  for (fs::path path : named) {
    std::error_code problem;
    if (path.filename() == kEvents) path = path.has_parent_path() ? path.parent_path() : fs::path(".");
    if (!fs::is_directory(path, problem)) {
      return failure(fs::exists(path, problem) ? "is no folder" : "there is no such folder", path.string(), kRemedy);
    }
    std::vector<fs::path> folders;
    if (auto looked = find_runs(path, resolved(except), folders); !looked) return tl::unexpected(looked.error());
    if (folders.empty()) out.problems.push_back(path.string() + " holds no run");
    for (const fs::path& folder : folders) {
      if (!seen.insert(resolved(folder)).second) continue;
      auto run = read_run(folder, room_for_messages);
      if (!run) return tl::unexpected(run.error());
      if (run->journal.merged) {
        out.notices.push_back(folder.string() + " is what an earlier merge wrote, and is left aside");
        continue;
      }
      out.runs.push_back(std::move(*run));
    }
  }
  if (out.runs.empty()) {
    return failure("no run in what was named", named.empty() ? "" : named.front().string(), kRemedy);
  }
  return out;
}

}  // namespace fittest::merge
