#include "run/run_folder.h"

#include <unistd.h>

#include <algorithm>
#include <array>
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

}  // namespace

std::string new_run_id() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &parts);
  return std::string(text.data()) + "-" + std::to_string(::getpid());
}

Result<RunFolder> make_run_folder(const fs::path& state_folder, const std::string& run_id) {
  const fs::path runs = state_folder / "runs";
  std::error_code problem;
  fs::create_directories(runs / run_id, problem);
  if (problem) {
    return failure("cannot keep anything of this run: " + problem.message(), (runs / run_id).string(),
                   "without it there is no --resume; make the folder writable");
  }
  // As pytest does with its cache: nobody wants this in a repository.
  if (const fs::path ignore = state_folder / ".gitignore"; !fs::exists(ignore, problem)) std::ofstream(ignore) << "*\n";
  std::vector<std::string> names = run_ids(runs);
  for (std::size_t i = 0; i + kKept < names.size(); ++i) {
    if (names[i] != run_id) fs::remove_all(runs / names[i], problem);
  }
  return RunFolder{run_id, runs / run_id};
}

std::optional<RunFolder> previous_run(const fs::path& state_folder, const std::string& than) {
  const fs::path runs = state_folder / "runs";
  std::vector<std::string> names = run_ids(runs);
  std::erase(names, than);
  if (names.empty()) return std::nullopt;
  return RunFolder{names.back(), runs / names.back()};
}

}  // namespace fittest::run
