#include "run/run_folder.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <vector>

namespace fittest::run {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kKept = 10;

std::vector<std::string> run_ids(const fs::path& runs) {
  std::vector<std::string> names;
  std::error_code gone;
  for (fs::directory_iterator it(runs, gone), end; !gone && it != end; it.increment(gone)) {
    std::error_code ignored;
    if (it->is_directory(ignored)) names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// One of many: of those there are, the oldest are removed, so that ten stay.
Result<fs::path> make_folder(const fs::path& state_folder, const char* kind, const std::string& run_id) {
  const fs::path folder = state_folder / kind;
  std::error_code problem;
  fs::create_directories(folder / run_id, problem);
  if (problem) {
    return failure("cannot keep anything of this run: " + problem.message(), (folder / run_id).string(),
                   "without it there is no --resume; make the folder writable");
  }
  // As pytest does with its cache: nobody wants this in a repository.
  if (const fs::path ignore = state_folder / ".gitignore"; !fs::exists(ignore, problem)) std::ofstream(ignore) << "*\n";
  std::vector<std::string> names = run_ids(folder);
  for (std::size_t i = 0; i + kKept < names.size(); ++i) {
    if (names[i] != run_id) fs::remove_all(folder / names[i], problem);
  }
  return folder / run_id;
}

}  // namespace

std::string new_run_id() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(now).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &parts);
  // Runs of the same second sort by time too: the last of them is the one that --resume and --lf mean.
  const auto microseconds = std::chrono::floor<std::chrono::microseconds>(now).count() % 1'000'000;
  // Jobs in containers may begin in the same moment.
  std::array<unsigned char, 4> bits{};
  if (::getrandom(bits.data(), bits.size(), 0) != static_cast<ssize_t>(bits.size())) bits.fill(0);
  return fmt::format("{}-{:06}-{:02x}{:02x}{:02x}{:02x}", text.data(), microseconds, bits[0], bits[1], bits[2],
                     bits[3]);
}

Result<RunFolder> make_run_folder(const fs::path& state_folder, const std::string& run_id) {
  auto made = make_folder(state_folder, "runs", run_id);
  if (!made) return tl::unexpected(made.error());
  return RunFolder{run_id, *made};
}

Result<fs::path> make_chunks_folder(const fs::path& state_folder, const std::string& run_id) {
  return make_folder(state_folder, "chunks", run_id);
}

Result<RunFolder> use_run_folder(const fs::path& path, const std::string& run_id) {
  RunFolder folder{run_id, path};
  std::error_code problem;
  fs::create_directories(path, problem);
  for (const fs::path& file : {folder.events(), folder.reports(), folder.junit(), folder.selection()}) {
    if (!problem) fs::remove(file, problem);
  }
  for (const fs::path& traces : {folder.traces(), folder.heap()}) {
    if (!problem) fs::remove_all(traces, problem);
  }
  if (problem) {
    return failure("cannot keep anything of this run: " + problem.message(), path.string(),
                   "name a folder that can be written: --run-folder");
  }
  return folder;
}

std::optional<RunFolder> previous_run(const fs::path& state_folder, const std::string& than) {
  const fs::path runs = state_folder / "runs";
  std::vector<std::string> names = run_ids(runs);
  std::erase(names, than);
  if (names.empty()) return std::nullopt;
  return RunFolder{names.back(), runs / names.back()};
}

}  // namespace fittest::run
