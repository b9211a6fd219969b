#include "memory/signal_processes.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

#include "core/descriptor.h"
#include "memory/cgroup_files.h"
#include "memory/process_table.h"

namespace fittest::memory {
namespace {

Descriptor open_process(pid_t pid) {
  return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool can_open_processes() {
  static const bool can = static_cast<bool>(open_process(::getpid()));
  return can;
}

bool send(const Descriptor& process, int signal) {
  return ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0;
}

}  // namespace

std::vector<pid_t> processes_in(const std::filesystem::path& cgroup) {
  std::vector<pid_t> pids;
  const auto text = read_text(cgroup / "cgroup.procs");
  if (!text) return pids;
  for (const std::string_view line : split(*text, '\n')) {
    // 0 stands for a process of another pid namespace: nothing of ours can name it.
    if (const auto pid = parse_number(line); pid && *pid != 0) pids.push_back(static_cast<pid_t>(*pid));
  }
  return pids;
}

std::vector<pid_t> processes_below(const std::filesystem::path& cgroup) {
  std::vector<pid_t> pids = processes_in(cgroup);
  std::error_code gone;
  for (std::filesystem::directory_iterator it(cgroup, gone), end; !gone && it != end; it.increment(gone)) {
    if (!it->is_directory(gone)) continue;
    const auto more = processes_below(it->path());
    pids.insert(pids.end(), more.begin(), more.end());
  }
  return pids;
}

std::size_t signal_cgroup(const std::filesystem::path& cgroup, int signal) {
  const std::vector<pid_t> pids = processes_in(cgroup);
  if (!can_open_processes()) {  // before Linux 5.3
    for (const pid_t pid : pids) {
      if (pid != ::getpid()) ::kill(pid, signal);
    }
    return pids.size();
  }
  // A pid read may belong to a stranger by now. So: hold on to the process first, look again whether the cgroup still
  // lists the pid, and only then send. In portions, as a fork bomb has more processes than we may have descriptors.
  constexpr std::size_t kPortion = 128;
  for (std::size_t from = 0; from < pids.size(); from += kPortion) {
    const std::size_t to = std::min(pids.size(), from + kPortion);
    std::vector<std::pair<pid_t, Descriptor>> held;
    for (std::size_t i = from; i < to; ++i) {
      if (pids[i] == ::getpid()) continue;
      if (Descriptor process = open_process(pids[i])) held.emplace_back(pids[i], std::move(process));
    }
    const std::vector<pid_t> still = processes_in(cgroup);
    for (const auto& [pid, process] : held) {
      if (std::find(still.begin(), still.end(), pid) != still.end()) send(process, signal);
    }
  }
  return pids.size();
}

std::size_t signal_below(const std::filesystem::path& cgroup, int signal) {
  std::size_t count = signal_cgroup(cgroup, signal);
  std::error_code gone;
  for (std::filesystem::directory_iterator it(cgroup, gone), end; !gone && it != end; it.increment(gone)) {
    if (it->is_directory(gone)) count += signal_below(it->path(), signal);
  }
  return count;
}

bool signal_process(pid_t pid, std::uint64_t start_time, int signal) {
  const Descriptor process = open_process(pid);
  if (!process && can_open_processes()) return false;
  const auto stat = read_stat(pid);
  if (!stat || stat->start_time != start_time) return false;
  return process ? send(process, signal) : ::kill(pid, signal) == 0;
}

}  // namespace fittest::memory
