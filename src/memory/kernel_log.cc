#include "memory/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <optional>

#include "core/descriptor.h"
#include "memory/cgroup_files.h"

namespace fittest::memory {
namespace {

// What stands between `before` and the first of `ends` behind it.
std::optional<std::string_view> between(std::string_view text, std::string_view before, std::string_view ends) {
  const std::size_t at = text.find(before);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find_first_of(ends));
}

Bytes kib_behind(std::string_view text, std::string_view key) {
  const auto digits = between(text, key, "kB, ");
  const auto number = digits ? parse_number(*digits) : std::nullopt;
  return number && *number < (std::uint64_t{1} << 50) ? KiB(*number) : Bytes{};
}

std::optional<pid_t> pid_behind(std::string_view text, std::string_view key) {
  const auto digits = between(text, key, " ,(");
  const auto number = digits ? parse_number(*digits) : std::nullopt;
  if (!number || *number == 0 || *number > 0x7fffffff) return std::nullopt;
  return static_cast<pid_t>(*number);
}

}  // namespace

std::vector<KernelKill> parse_kernel_kills(std::string_view log) {
  std::vector<KernelKill> kills;
  std::map<pid_t, std::string> limited_by;
  for (const std::string_view line : split(log, '\n')) {
    const std::size_t header = line.find(';');
    if (header == std::string_view::npos || line.starts_with(' ')) continue;
    const std::string_view text = line.substr(header + 1);
    if (text.starts_with("oom-kill:")) {  // comes first, and names the cgroup
      const auto pid = pid_behind(text, ",pid=");
      const auto cgroup = between(text, "oom_memcg=", ",");
      if (pid && cgroup) limited_by[*pid] = *cgroup;
      continue;
    }
    // "Out of memory: Killed process 12 (name) total-vm:1kB, anon-rss:2kB, file-rss:3kB, shmem-rss:4kB, ..."
    const std::size_t killed = text.find("Killed process ");
    if (killed == std::string_view::npos || text.substr(0, killed).find("ut of memory") == std::string_view::npos) {
      continue;
    }
    const std::string_view victim = text.substr(killed);
    const auto pid = pid_behind(victim, "Killed process ");
    const std::size_t open = victim.find('(');
    const std::size_t close = victim.find(") total-vm:");
    if (!pid || open == std::string_view::npos || close == std::string_view::npos || close < open) continue;
    const auto fields = split(line.substr(0, header), ',');
    const auto microseconds = fields.size() > 2 ? parse_number(fields[2]) : std::nullopt;
    KernelKill kill;
    kill.seconds = microseconds ? static_cast<double>(*microseconds) / 1e6 : 0;
    kill.pid = *pid;
    kill.program = victim.substr(open + 1, close - open - 1);
    kill.resident =
        kib_behind(victim, "anon-rss:") + kib_behind(victim, "file-rss:") + kib_behind(victim, "shmem-rss:");
    kill.limited_by = limited_by[*pid];
    // A worker that is killed as a whole has its first process reported twice.
    if (!kills.empty() && kills.back().pid == kill.pid && kill.seconds - kills.back().seconds < 1) continue;
    kills.push_back(std::move(kill));
  }
  return kills;
}

Result<std::vector<KernelKill>> read_kernel_kills(const std::filesystem::path& root) {
  const std::string file = "/dev/kmsg";
  const Descriptor kmsg(::open((root / file.substr(1)).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!kmsg) {
    return system_failure(errno, "cannot read the kernel's log", file,
                          "run fittest doctor as root, or have kernel.dmesg_restrict set to 0");
  }
  std::string log;
  std::array<char, 8192> record{};
  while (true) {  // a record each time, until there are no more
    const ssize_t got = ::read(kmsg.get(), record.data(), record.size());
    if (got > 0) {
      log.append(record.data(), static_cast<std::size_t>(got));
    } else if (got < 0 && (errno == EPIPE || errno == EINTR)) {
      continue;  // EPIPE: the record was overwritten meanwhile
    } else if (got < 0 && errno != EAGAIN) {
      return system_failure(errno, "cannot read the kernel's log", file, "run fittest doctor as root");
    } else {
      return parse_kernel_kills(log);
    }
  }
}

}  // namespace fittest::memory
