#include "run/guard.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "memory/cgroup_files.h"
#include "memory/domain.h"

namespace fittest::run {
namespace {

constexpr std::string_view kGoodbye = "goodbye";
constexpr std::string_view kMark = "mark ";  // directories start with a slash

std::string read_to_end(const Descriptor& socket) {
  std::string text;
  std::array<char, 4096> part{};
  while (true) {
    const ssize_t got = ::read(socket.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
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

// What a terminal or an orderly end sends to everybody.
constexpr std::array kNotForTheGuard{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};

// Keeps these signals waiting: between its fork and the moment when it ignores them, they would end the guard.
class SignalsHeldBack {
 public:
  SignalsHeldBack() {
    sigset_t held;
    ::sigemptyset(&held);
    for (const int number : kNotForTheGuard) ::sigaddset(&held, number);
    ::pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~SignalsHeldBack() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeldBack(const SignalsHeldBack&) = delete;
  SignalsHeldBack& operator=(const SignalsHeldBack&) = delete;

 private:
  sigset_t before_{};
};

[[noreturn]] void keep_guard(const Descriptor& socket) {
  ::setsid();
  ::prctl(PR_SET_NAME, "fittest-guard");
  for (const int number : kNotForTheGuard) ::signal(number, SIG_IGN);
  (void)::send(socket.get(), "r", 1, MSG_NOSIGNAL);
  close_others(socket.get());
  const std::string told = read_to_end(socket);
  std::vector<std::filesystem::path> directories;
  std::string mark;
  for (const std::string_view line : memory::split(told, '\n')) {
    if (line == kGoodbye) ::_exit(0);
    if (line.starts_with(kMark)) {
      mark = line.substr(kMark.size());
    } else if (!line.empty()) {
      directories.emplace_back(line);
    }
  }
  (void)memory::remove_domain_directories(directories);
  if (!mark.empty()) (void)memory::kill_marked_processes(mark);
  ::_exit(0);
}

// A guard that is gone is no reason to end, which SIGPIPE would be: hence a socket.
void tell(const Descriptor& socket, const std::string& text) {
  while (::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0 && errno == EINTR) continue;
}

}  // namespace

Result<Guard> Guard::start() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_failure(errno, "cannot make a connection to the guard process");
  }
  Descriptor read_end(ends[0]), write_end(ends[1]);
  const SignalsHeldBack held_back;
  const pid_t pid = ::fork();
  if (pid < 0) return system_failure(errno, "cannot start the guard process");
  if (pid == 0) {
    write_end.reset();
    keep_guard(read_end);
  }
  read_end.reset();
  // It is ready, or gone, which is no reason to end.
  char ready = 0;
  while (::read(write_end.get(), &ready, 1) < 0 && errno == EINTR) continue;
  return Guard(pid, std::move(write_end));
}

Guard::Guard(Guard&& other) noexcept : pid_(std::exchange(other.pid_, 0)), socket_(std::move(other.socket_)) {}

Guard::~Guard() {
  if (pid_ == 0) return;
  tell(socket_, std::string(kGoodbye) + "\n");
  socket_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

void Guard::watch(const std::vector<std::filesystem::path>& directories, const std::optional<std::string>& mark) {
  std::string text = mark ? std::string(kMark) + *mark + "\n" : "";
  for (const auto& directory : directories) text += directory.string() + "\n";
  if (!text.empty()) tell(socket_, text);
}

}  // namespace fittest::run
