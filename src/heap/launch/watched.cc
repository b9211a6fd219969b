#include "heap/launch/watched.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <string_view>

extern char** environ;

namespace fittest::heap {
namespace {

constexpr auto kPassedOn = std::to_array<int>({SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH});

std::vector<std::string> environment_of(const LaunchOrder& order) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view line(*entry);
    const std::string_view name = line.substr(0, line.find('='));
    const bool replaced = std::ranges::any_of(order.environment, [&](const std::string& other) {
      return std::string_view(other).substr(0, other.find('=')) == name;
    });
    if (!replaced && std::ranges::find(order.without, name) == order.without.end()) out.emplace_back(line);
  }
  out.insert(out.end(), order.environment.begin(), order.environment.end());
  return out;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& text : strings) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// What this process holds resident now; not its own most, which may be that of whoever executed it.
std::uint64_t resident_now() {
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Result<Watched> Watched::start(const LaunchOrder& order) {
  const std::string& name = order.command.front();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure(errno, "cannot make a pipe", name);
  Descriptor told(ends[0]), tell(ends[1]);
  const std::vector<std::string> environment = environment_of(order);
  const std::vector<char*> arguments = pointers(order.command);
  const std::vector<char*> variables = pointers(environment);

  Watched watched;
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGCHLD);
  for (const int number : kPassedOn) ::sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, &watched.mask_before_);
  watched.signals_ = Descriptor(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!watched.signals_) return system_failure(errno, "cannot follow signals", name);

  watched.least_resident_ = resident_now();
  const pid_t child = ::fork();
  if (child < 0) {
    return system_failure(errno, "cannot start a process", name,
                          "see whether the limit on processes (ulimit -u, pids.max) is reached");
  }
  if (child == 0) {  // only async-signal-safe calls from here
    ::sigprocmask(SIG_SETMASK, &watched.mask_before_, nullptr);
    for (const int number : {SIGPIPE, SIGXFSZ}) ::signal(number, SIG_DFL);
    if (order.output) ::dup2(*order.output, STDOUT_FILENO);
    if (order.error) ::dup2(*order.error, STDERR_FILENO);
    ::execvpe(arguments[0], arguments.data(), variables.data());
    const int code = errno;
    (void)!::write(tell.get(), &code, sizeof code);
    ::_exit(127);
  }
  tell.reset();
  int code = 0;
  ssize_t got = 0;
  do got = ::read(told.get(), &code, sizeof code);
  while (got < 0 && errno == EINTR);
  if (got == sizeof code) {
    ::waitpid(child, nullptr, 0);
    return system_failure(code, "cannot be executed", name);
  }
  watched.pid_ = child;
  return watched;
}

Watched::~Watched() {
  if (!signals_) return;  // moved from
  signals_.reset();
  ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

void Watched::take_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    const auto number = static_cast<int>(info.ssi_signo);
    // The kernel sends a terminal's signals (^C, a window that changes) to the whole process group, the program too.
    if (number == SIGCHLD || info.ssi_code == SI_KERNEL) continue;
    if (!ended_) ::kill(pid_, number);
  }
  if (ended_) return;
  int status = 0;
  rusage usage{};
  const pid_t got = ::wait4(pid_, &status, WNOHANG, &usage);
  if (got == pid_) {
    ended_ = true;
    status_ = ExitStatus(status);
    resident_ = static_cast<std::uint64_t>(std::max(0L, usage.ru_maxrss)) * 1024;
  }
}

bool Watched::wait(Seconds patience, const std::vector<int>& readable) {
  take_signals();
  if (ended_) return true;
  std::vector<pollfd> waited{{signals_.get(), POLLIN, 0}};
  for (const int fd : readable) waited.push_back({fd, POLLIN, 0});
  const int milliseconds = patience < 0 ? -1 : static_cast<int>(std::ceil(std::min(patience, 1e6) * 1000));
  ::poll(waited.data(), waited.size(), milliseconds);
  take_signals();
  return ended_;
}

}  // namespace fittest::heap
