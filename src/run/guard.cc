#include "run/guard.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>

#include "memory/cgroup_files.h"
#include "memory/domain.h"
#include "memory/proc_members.h"
#include "memory/process_table.h"
#include "memory/signal_processes.h"

namespace fittest::run {
namespace {

constexpr std::string_view kGoodbye = "goodbye";

std::string read_to_end(const Descriptor& pipe) {
  std::string text;
  std::array<char, 4096> part{};
  while (true) {
    const ssize_t got = ::read(pipe.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
}

// Kills every process whose environment says that it belongs to the run.
void kill_marked(const std::string& run_id) {
  const std::string mark = run_id + "/";
  memory::poll_until(std::chrono::seconds(5), [&] {
    bool found = false;
    for (const memory::ProcessStat& process : memory::read_process_table()) {
      if (process.pid == ::getpid() || process.is_zombie()) continue;
      const auto environment = memory::MemberFinder::read_environ(process.pid);
      if (!environment) continue;
      const auto worker = memory::parse_environ(*environment, memory::kWorkerVariable);
      if (!worker || !worker->starts_with(mark)) continue;
      found = true;
      memory::signal_process(process.pid, process.start_time, SIGKILL);
    }
    return !found;
  });
}

// Everything but the standard streams and `keep`: what is open here is open as long as the guard lives.
void close_others(int keep) {
  std::vector<int> open;
  if (DIR* folder = ::opendir("/proc/self/fd")) {
    while (const dirent* entry = ::readdir(folder)) {
      const auto number = memory::parse_number(entry->d_name);
      if (number && *number > 2 && static_cast<int>(*number) != keep && static_cast<int>(*number) != ::dirfd(folder)) {
        open.push_back(static_cast<int>(*number));
      }
    }
    ::closedir(folder);
  }
  for (const int fd : open) ::close(fd);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing, stream);
}

[[noreturn]] void keep_guard(const Descriptor& pipe, const std::string& run_id) {
  ::setsid();
  ::prctl(PR_SET_NAME, "fittest-guard");
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  close_others(pipe.get());
  const std::string told = read_to_end(pipe);
  std::vector<std::filesystem::path> directories;
  for (const std::string_view line : memory::split(told, '\n')) {
    if (line == kGoodbye) ::_exit(0);
    if (!line.empty()) directories.emplace_back(line);
  }
  (void)memory::remove_domain_directories(directories);
  kill_marked(run_id);
  ::_exit(0);
}

void tell(const Descriptor& pipe, const std::string& text) {
  while (::write(pipe.get(), text.data(), text.size()) < 0 && errno == EINTR) continue;
}

}  // namespace

Result<Guard> Guard::start(const std::string& run_id) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure(errno, "cannot make a pipe for the guard process");
  Descriptor read_end(ends[0]), write_end(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_failure(errno, "cannot start the guard process");
  if (pid == 0) {
    write_end.reset();
    keep_guard(read_end, run_id);
  }
  return Guard(pid, std::move(write_end));
}

Guard::Guard(Guard&& other) noexcept : pid_(std::exchange(other.pid_, 0)), pipe_(std::move(other.pipe_)) {}

Guard::~Guard() {
  if (pid_ == 0) return;
  tell(pipe_, std::string(kGoodbye) + "\n");
  pipe_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

void Guard::watch(const std::vector<std::filesystem::path>& directories) {
  std::string text;
  for (const auto& directory : directories) text += directory.string() + "\n";
  if (!text.empty()) tell(pipe_, text);
}

}  // namespace fittest::run
