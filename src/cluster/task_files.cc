#include "cluster/task_files.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include "report/json_lines.h"

namespace fittest::cluster {
namespace {

constexpr std::streamoff kTail = 64 << 10;

std::string tail_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return {};
  in.seekg(std::max<std::streamoff>(in.tellg() - kTail, 0));
  return {std::istreambuf_iterator<char>(in), {}};
}

std::optional<int> code_in(const std::string& text) {
  int code = 0;
  const char* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, code);
  if (problem != std::errc() || std::string_view(rest, end) != "\n" || code < 0 || code > 255) return std::nullopt;
  return code;
}

}  // namespace

TaskFiles read_task_files(const exporting::SlurmJob& job, unsigned group, unsigned attempt) {
  TaskFiles files;
  files.exit_code = code_in(tail_of(job.exit_file(group, attempt)));
  files.output = tail_of(job.output(group, attempt));
  if (const auto journal = report::read_journal(job.run_folder(group, attempt) / "events.jsonl")) {
    files.over_budget =
        static_cast<unsigned>(std::count_if(journal->finished.begin(), journal->finished.end(),
                                            [](const auto& test) { return test.verdict == Verdict::over_budget; }));
  }
  return files;
}

void forget_empty_run(const exporting::SlurmJob& job, unsigned group, unsigned attempt) {
  const std::filesystem::path folder = job.run_folder(group, attempt);
  std::error_code problem;
  if (!std::filesystem::exists(folder / "selection.json", problem) && !problem) {
    std::filesystem::remove_all(folder, problem);
  }
}

}  // namespace fittest::cluster
