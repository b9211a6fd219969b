#include "heap/launch/traces.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>

#include "heap/read/trace_file.h"

namespace fittest::heap {
namespace {

namespace fs = std::filesystem;

struct Found {
  fs::path path;
  std::uint64_t started;
  std::uint32_t process;
};

std::vector<Found> found_below(const fs::path& prefix, std::uint64_t since) {
  std::vector<Found> out;
  std::error_code problem;
  const std::string start = prefix.filename().string() + ".";
  for (const fs::directory_entry& entry : fs::directory_iterator(prefix.parent_path(), problem)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(start) || !name.ends_with(".heap") || !is_trace(entry.path())) continue;
    const auto file = TraceFile::open(entry.path());
    if (!file || file->header().started < since) continue;
    out.push_back({entry.path(), file->header().started, file->header().process});
  }
  std::ranges::sort(
      out, [](const Found& a, const Found& b) { return std::tie(a.started, a.path) < std::tie(b.started, b.path); });
  return out;
}

}  // namespace

Result<Traces> Traces::below(const fs::path& prefix) {
  Traces out;
  std::error_code problem;
  out.prefix_ = fs::absolute(prefix, problem).lexically_normal();
  const fs::path folder = out.prefix_.parent_path();
  if (problem || ::access(folder.c_str(), W_OK | X_OK) != 0) {
    return system_failure(problem ? problem.value() : errno, "a trace cannot be written there", folder.string(),
                          "name another place: --output FILE");
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  // A clock that counts in large steps must not make ours look older than it is.
  constexpr auto kSlack = std::chrono::milliseconds(20);
  out.since_ = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now - kSlack).count());
  return out;
}

std::vector<fs::path> Traces::of(std::uint32_t pid) const {
  std::vector<fs::path> out;
  for (Found& found : found_below(prefix_, since_)) {
    if (found.process == pid) out.push_back(std::move(found.path));
  }
  return out;
}

std::vector<fs::path> Traces::all() const {
  std::vector<fs::path> out;
  for (Found& found : found_below(prefix_, since_)) out.push_back(std::move(found.path));
  return out;
}

bool is_trace(const fs::path& file) {
  return TraceFile::open(file).has_value();
}

}  // namespace fittest::heap
