// Reads what limits memory here, once, into a copy that decisions are made on.
#include <sys/types.h>

#include <algorithm>

#include "memory/budget.h"
#include "memory/cgroup_files.h"
#include "memory/cgroup_place.h"
#include "memory/working_set.h"

namespace fittest::memory {
namespace {

namespace fs = std::filesystem;

// v1 says "no limit" by the largest number of whole pages; nothing real comes near 2^62.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;

// "MemTotal:       24684084 kB"
std::optional<Bytes> meminfo(std::string_view text, std::string_view key) {
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':') continue;
    const std::string_view rest = line.substr(key.size() + 1);
    const std::size_t unit = rest.find("kB");
    if (unit == std::string_view::npos) return std::nullopt;
    const auto number = parse_number(rest.substr(0, unit));
    if (!number || *number > (kNoLimit >> 10)) return std::nullopt;
    return KiB(*number);
  }
  return std::nullopt;
}

std::optional<Bytes> finite(const fs::path& file) {
  const auto number = read_number(file);
  if (!number || *number >= kNoLimit) return std::nullopt;
  return Bytes{*number};
}

void read_v2(const fs::path& root, std::vector<Limit>& limits) {
  const auto place = find_place(Hierarchy::v2, root);
  if (!place) return;
  for (const fs::path& cgroup : place->ancestors()) {
    const auto most = finite(cgroup / "memory.max");
    const auto high = finite(cgroup / "memory.high");
    if (!most && !high) continue;
    // Above memory.high processes are slowed down to a crawl: it limits as memory.max does.
    const bool by_high = high && (!most || *high < *most);
    const Bytes used = Bytes{read_number(cgroup / "memory.current").value_or(0)} -
                       unmapped_cache(read_text(cgroup / "memory.stat").value_or(""), Hierarchy::v2);
    limits.push_back({by_high ? *high : *most,
                      "cgroup v2 " + place->cgroup_name(cgroup) + (by_high ? " memory.high" : " memory.max"), used});
  }
}

void read_v1(const fs::path& root, std::vector<Limit>& limits) {
  const auto place = find_place(Hierarchy::v1_memory, root);
  if (!place) return;
  for (const fs::path& cgroup : place->ancestors()) {
    const auto most = finite(cgroup / "memory.limit_in_bytes");
    if (!most) continue;
    const Bytes used = Bytes{read_number(cgroup / "memory.usage_in_bytes").value_or(0)} -
                       unmapped_cache(read_text(cgroup / "memory.stat").value_or(""), Hierarchy::v1_memory);
    limits.push_back({*most, "cgroup v1 " + place->cgroup_name(cgroup) + " memory.limit_in_bytes", used});
  }
}

// "Max address space         1073741824           unlimited            bytes"
std::optional<Bytes> address_space(const fs::path& root) {
  const auto text = read_text(root / "proc/self/limits");
  if (!text) return std::nullopt;
  constexpr std::string_view kKey = "Max address space ";
  for (const std::string_view line : split(*text, '\n')) {
    if (!line.starts_with(kKey)) continue;
    std::string_view rest = line.substr(kKey.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const auto number = parse_number(rest.substr(0, rest.find(' ')));
    return number ? std::optional(Bytes{*number}) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

Result<MemoryLimits> read_limits(const fs::path& root) {
  const std::string file = "/proc/meminfo";
  const auto text = read_text(root / file.substr(1));
  if (!text) return failure("cannot read how much memory there is", file, "mount /proc");
  const auto total = meminfo(*text, "MemTotal");
  if (!total || *total == Bytes{}) return failure("no line \"MemTotal: <number> kB\"", file, "mount /proc");

  MemoryLimits limits;
  limits.mem_total = *total;
  const auto line = [&](std::string_view key) { return meminfo(*text, key).value_or(Bytes{}); };
  // Kernels before 3.14 have no MemAvailable; this is what it was estimated from.
  limits.mem_available =
      std::min(*total, meminfo(*text, "MemAvailable").value_or(line("MemFree") + line("Buffers") + line("Cached")));
  limits.swap_total = line("SwapTotal");
  limits.swap_free = std::min(line("SwapFree"), limits.swap_total);
  const auto overcommit = read_number(root / "proc/sys/vm/overcommit_memory");
  limits.overcommit_memory = overcommit && *overcommit <= 2 ? static_cast<int>(*overcommit) : 0;
  if (limits.overcommit_memory == 2) limits.commit_left = line("CommitLimit") - line("Committed_AS");
  limits.address_space = address_space(root);
  read_v2(root, limits.cgroups);
  read_v1(root, limits.cgroups);
  return limits;
}

}  // namespace fittest::memory
