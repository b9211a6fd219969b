#include "cluster/session_size.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fittest::cluster {
namespace {

namespace fs = std::filesystem;

// It stands near the beginning: nobody reads a long file for it.
constexpr int kLinesLookedAt = 1000;

std::optional<Bytes> size_in(const fs::path& events) {
  std::ifstream in(events);
  std::string line;
  for (int i = 0; i < kLinesLookedAt && std::getline(in, line); ++i) {
    if (line.find("\"collected\"") == std::string::npos) continue;
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object() || !event.contains("event") || event["event"] != "collected") continue;
    const auto held = event.find("zygote_held");
    if (held == event.end() || !held->is_number_unsigned()) continue;
    if (const auto value = held->get<std::uint64_t>(); value > 0) return Bytes{value};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Bytes> last_session_size(const fs::path& state_folder) {
  std::vector<fs::path> runs;
  std::error_code problem;
  for (fs::directory_iterator entry(state_folder / "runs", problem), end; !problem && entry != end;
       entry.increment(problem)) {
    runs.push_back(entry->path());
  }
  std::sort(runs.begin(), runs.end(), std::greater<>());  // names sort by time
  for (const fs::path& run : runs) {
    if (const auto size = size_in(run / "events.jsonl")) return size;
  }
  return std::nullopt;
}

}  // namespace fittest::cluster
