#include "memory/cgroup_tree.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "memory/cgroup_files.h"
#include "memory/signal_processes.h"

namespace fittest::memory {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kFreezePatience{2000};

std::vector<fs::path> subdirectories(const fs::path& directory) {
  std::vector<fs::path> all;
  std::error_code gone;
  for (fs::directory_iterator it(directory, gone), end; !gone && it != end; it.increment(gone)) {
    if (it->is_directory(gone)) all.push_back(it->path());
  }
  return all;
}

// A cgroup below may have been frozen by itself: thawing the one above does not thaw it.
void thaw_tree(const fs::path& directory) {
  (void)write_text(directory / "freezer.state", "THAWED");
  for (const fs::path& below : subdirectories(directory)) thaw_tree(below);
}

// What forks faster than it is killed has to stand still while it is counted. Best effort: killing goes on without.
void hold_still(const std::vector<fs::path>& directories) {
  constexpr milliseconds kBriefly{50};
  bool frozen = false;
  for (const fs::path& directory : directories) {
    if (write_text(directory / "freezer.state", "FROZEN")) {
      frozen = poll_until(kBriefly, [&] { return has_word(directory / "freezer.state", "FROZEN"); }) || frozen;
    } else if (write_text(directory / "cgroup.freeze", "1")) {
      frozen = poll_until(kBriefly, [&] { return read_key(directory / "cgroup.events", "frozen") == 1; }) || frozen;
    }
  }
  if (frozen) return;
  for (const fs::path& directory : directories) (void)stop_all(directory);
}

std::size_t count_others(const std::vector<fs::path>& directories) {
  std::size_t count = 0;
  for (const fs::path& directory : directories) {
    const auto pids = processes_below(directory);
    count += pids.size() - static_cast<std::size_t>(std::count(pids.begin(), pids.end(), ::getpid()));
  }
  return count;
}

bool contains_caller(const fs::path& directory) {
  const auto pids = processes_below(directory);
  return std::find(pids.begin(), pids.end(), ::getpid()) != pids.end();
}

bool remove_tree(const fs::path& directory, milliseconds patience) {
  for (const fs::path& below : subdirectories(directory)) remove_tree(below, patience);
  return remove_directory(directory, patience);
}

}  // namespace

Result<void> make_cgroup(const fs::path& directory) {
  if (::mkdir(directory.c_str(), 0755) == 0) return {};
  return system_failure(errno, "cannot make a cgroup", directory.string());
}

bool has_swap() {
  const auto swaps = read_text("/proc/swaps");  // a heading, then a line for each area
  return swaps && split(*swaps, '\n').size() > 2;
}

Result<void> kill_cgroups(const std::vector<fs::path>& directories, milliseconds patience) {
  std::size_t before = 0;
  std::size_t alive = 0;
  const bool empty = poll_until(patience, [&] {
    alive = count_others(directories);
    if (alive == 0) return true;
    bool by_kernel = true;
    for (const fs::path& directory : directories) {
      // One write kills the whole tree, forks in flight included (Linux 5.14); but it would take the caller with it.
      by_kernel = by_kernel && !contains_caller(directory) && write_text(directory / "cgroup.kill", "1").has_value();
    }
    if (!by_kernel) {
      if (before != 0 && alive >= before) hold_still(directories);
      for (const fs::path& directory : directories) signal_below(directory, SIGKILL);
      for (const fs::path& directory : directories) {
        if (is_there(directory / "freezer.state")) thaw_tree(directory);
      }
    }
    before = alive;
    return false;
  });
  if (empty) return {};
  return failure(
      std::to_string(alive) + " processes could not be killed within " + std::to_string(patience.count()) + " ms",
      directories.empty() ? "" : directories.front().string(),
      "they hang in the kernel (state D in ps); see what device or file system they wait for");
}

Result<void> remove_cgroups(const std::vector<fs::path>& directories, milliseconds patience) {
  const auto killed = kill_cgroups(directories, patience);
  if (!killed) return killed;
  for (const fs::path& directory : directories) {
    if (!remove_tree(directory, patience)) return system_failure(errno, "cannot remove the cgroup", directory.string());
  }
  return {};
}

bool remove_directory(const fs::path& directory, milliseconds patience) {
  return poll_until(patience, [&] { return ::rmdir(directory.c_str()) == 0 || errno == ENOENT; });
}

Result<void> freeze_v1(const fs::path& directory) {
  if (const auto written = write_text(directory / "freezer.state", "FROZEN"); !written) return written;
  // Reading the state moves the kernel's own look at it on from FREEZING.
  if (poll_until(kFreezePatience, [&] { return has_word(directory / "freezer.state", "FROZEN"); })) return {};
  return failure("processes did not freeze within 2 s", directory.string());
}

Result<void> thaw_v1(const fs::path& directory) {
  return write_text(directory / "freezer.state", "THAWED");
}

Result<void> freeze_v2(const fs::path& directory) {
  if (const auto written = write_text(directory / "cgroup.freeze", "1"); !written) return written;
  // An empty cgroup is frozen at once; one with processes when the last has come to a stop.
  if (poll_until(kFreezePatience, [&] { return read_key(directory / "cgroup.events", "frozen") == 1; })) return {};
  return failure("processes did not freeze within 2 s", directory.string());
}

Result<void> thaw_v2(const fs::path& directory) {
  return write_text(directory / "cgroup.freeze", "0");
}

Result<void> stop_all(const fs::path& directory) {
  std::vector<pid_t> before;
  for (int round = 0; round < 50; ++round) {
    signal_below(directory, SIGSTOP);
    std::vector<pid_t> now = processes_below(directory);
    std::sort(now.begin(), now.end());
    if (round > 0 && now == before) return {};
    before = std::move(now);
  }
  return failure("new processes appear faster than they can be stopped", directory.string());
}

Result<void> try_joining(const std::vector<std::string>& join_files) {
  const pid_t child = ::fork();
  if (child < 0) return system_failure(errno, "cannot start a process to try the cgroup with");
  if (child == 0) {  // only async-signal-safe calls from here: other threads may have held locks
    for (const std::string& file : join_files) {
      const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
      if (fd < 0 || ::write(fd, "0\n", 2) != 2) ::_exit(errno & 0xff);
    }
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return system_failure(errno, "cannot wait for the process that tried the cgroup");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return system_failure(WIFEXITED(status) ? WEXITSTATUS(status) : EINTR, "a process cannot join",
                        join_files.empty() ? "" : join_files.front());
}

}  // namespace fittest::memory
