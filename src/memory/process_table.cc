#include "memory/process_table.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <limits>
#include <memory>
#include <string>

#include "memory/cgroup_files.h"

namespace fittest::memory {
namespace {

std::string proc_file(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

std::uint64_t page_size() {
  static const auto size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

template <typename Number>
std::optional<Number> as(std::string_view word) {
  Number number{};
  const auto [stop, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (problem != std::errc() || stop != word.data() + word.size()) return std::nullopt;
  return number;
}

// "Pss:     1234 kB" among the lines of smaps_rollup.
std::optional<Bytes> kib_line(std::string_view text, std::string_view key) {
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with(key)) continue;
    const std::string_view rest = line.substr(key.size());
    const std::size_t unit = rest.find("kB");
    if (unit == std::string_view::npos) return std::nullopt;
    const auto number = parse_number(rest.substr(0, unit));
    if (!number || *number > (std::numeric_limits<std::uint64_t>::max() >> 11)) return std::nullopt;
    return KiB(*number);
  }
  return std::nullopt;
}

}  // namespace

std::optional<ProcessStat> parse_stat(std::string_view text) {
  // The second field is the program's name in brackets, and may hold brackets and spaces itself.
  const std::size_t open = text.find(" (");
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  if (close + 2 > text.size()) return std::nullopt;
  const auto fields = split(text.substr(close + 2), ' ');
  constexpr std::size_t kState = 0, kParent = 1, kGroup = 2, kSession = 3, kStart = 19, kResident = 21;
  if (fields.size() <= kResident || fields[kState].size() != 1) return std::nullopt;
  const auto pid = as<pid_t>(text.substr(0, open));
  const auto parent = as<pid_t>(fields[kParent]);
  const auto group = as<pid_t>(fields[kGroup]);
  const auto session = as<pid_t>(fields[kSession]);
  const auto start = as<std::uint64_t>(fields[kStart]);
  const auto resident = as<std::int64_t>(fields[kResident]);
  if (!pid || !parent || !group || !session || !start || !resident) return std::nullopt;
  const std::uint64_t pages = *resident < 0 ? 0 : static_cast<std::uint64_t>(*resident);
  return ProcessStat{*pid, fields[kState][0], *parent, *group, *session, *start, Bytes{pages * page_size()}};
}

std::optional<ProcessStat> read_stat(pid_t pid) {
  const auto text = read_text(proc_file(pid, "stat"));
  return text ? parse_stat(*text) : std::nullopt;
}

std::vector<ProcessStat> read_process_table() {
  return ProcessWatch().read();
}

std::vector<ProcessStat> ProcessWatch::read() {
  using std::chrono::steady_clock;
  if (const auto now = steady_clock::now(); now >= next_full_) {
    strangers_.clear();
    next_full_ = now + std::chrono::milliseconds(500);
  }
  std::vector<ProcessStat> table;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (!proc) return table;
  while (const dirent* entry = ::readdir(proc.get())) {
    const auto pid = as<pid_t>(entry->d_name);
    if (!pid) continue;
    if (const auto stranger = strangers_.find(*pid); stranger != strangers_.end()) {
      table.push_back(stranger->second);
    } else if (const auto stat = read_stat(*pid)) {
      table.push_back(*stat);
    }
  }
  return table;
}

void ProcessWatch::pass_over(const std::vector<ProcessStat>& strangers) {
  for (const ProcessStat& stranger : strangers) strangers_.emplace(stranger.pid, stranger);
}

std::optional<Held> parse_smaps_rollup(std::string_view text) {
  const auto resident = kib_line(text, "Rss:");
  const auto proportional = kib_line(text, "Pss:");
  const auto clean = kib_line(text, "Private_Clean:");
  const auto dirty = kib_line(text, "Private_Dirty:");
  if (!resident || !proportional || !clean || !dirty) return std::nullopt;
  const Bytes own = *clean + *dirty;
  return Held{own + kib_line(text, "SwapPss:").value_or(Bytes{}), *proportional - own, *resident};
}

std::optional<Held> read_held(pid_t pid) {
  const auto text = read_text(proc_file(pid, "smaps_rollup"));
  return text ? parse_smaps_rollup(*text) : std::nullopt;
}

std::optional<Bytes> parse_statm(std::string_view text) {
  const auto fields = split(text, ' ');
  const auto pages = fields.size() > 1 ? parse_number(fields[1]) : std::nullopt;
  if (!pages || *pages > std::numeric_limits<std::uint64_t>::max() / page_size()) return std::nullopt;
  return Bytes{*pages * page_size()};
}

std::optional<Bytes> read_resident(pid_t pid) {
  const auto text = read_text(proc_file(pid, "statm"));
  return text ? parse_statm(*text) : std::nullopt;
}

std::uint64_t own_pid_namespace() {
  struct stat about {};
  return ::stat("/proc/self/ns/pid", &about) == 0 ? static_cast<std::uint64_t>(about.st_ino) : 0;
}

}  // namespace fittest::memory
