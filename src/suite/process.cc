#include "suite/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

extern char** environ;

namespace fittest::suite {
namespace {

// What the child tells of its failure before it ends: in which step, and errno.
enum class Step : int { follow = 1, join, input, output, error, keep, execute };
struct Failure {
  Step step;
  int code;
};

const char* name(Step step) {
  switch (step) {
    case Step::follow:
      return "cannot be made to end with fittest";
    case Step::join:
      return "cannot join its memory domain";
    case Step::input:
    case Step::output:
    case Step::error:
      return "cannot set up its standard streams";
    case Step::keep:
      return "cannot hand over a descriptor";
    case Step::execute:
      break;
  }
  return "cannot be executed";
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& text : strings) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> merged_environment(const std::vector<std::string>& more) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view line(*entry);
    const std::string_view variable = line.substr(0, line.find('=') + 1);
    bool replaced = false;
    for (const std::string& other : more) replaced = replaced || other.starts_with(variable);
    if (!replaced) all.emplace_back(line);
  }
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

Descriptor open_pidfd(pid_t pid) {
  return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

Result<Process> start_process(const ProcessOrder& order) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure(errno, "cannot make a pipe", order.command.front());
  Descriptor told(ends[0]), tell(ends[1]);
  const std::vector<std::string> environment = merged_environment(order.environment);
  std::vector<char*> arguments = pointers(order.command);
  std::vector<char*> variables = pointers(environment);

  const pid_t fittest = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    return system_failure(errno, "cannot start a process", order.command.front(),
                          "see whether the limit on processes (ulimit -u, pids.max) is reached");
  }
  if (child == 0) {  // only async-signal-safe calls from here
    const auto give_up = [&](Step step) {
      const Failure failure{step, errno};
      (void)!::write(tell.get(), &failure, sizeof failure);
      ::_exit(127);
    };
    if (order.ends_with_fittest) {
      if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(Step::follow);
      if (::getppid() != fittest) ::_exit(127);  // it was gone before that
    }
    for (const std::string& file : order.join_files) {
      const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
      if (fd < 0 || ::write(fd, "0\n", 2) != 2) give_up(Step::join);
      ::close(fd);
    }
    if (order.own_session) ::setsid();
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGXFSZ, SIGQUIT, SIGHUP, SIGWINCH}) ::signal(number, SIG_DFL);
    const int input = order.input ? *order.input : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (::dup2(input, STDIN_FILENO) < 0) give_up(Step::input);
    // The two may name each other's numbers: move them out of the way first.
    const int output = ::fcntl(order.output.value_or(STDOUT_FILENO), F_DUPFD_CLOEXEC, 3);
    const int error = ::fcntl(order.error.value_or(STDERR_FILENO), F_DUPFD_CLOEXEC, 3);
    if (output < 0 || ::dup2(output, STDOUT_FILENO) < 0) give_up(Step::output);
    if (error < 0 || ::dup2(error, STDERR_FILENO) < 0) give_up(Step::error);
    for (const int fd : order.keep) {
      if (::fcntl(fd, F_SETFD, 0) != 0) give_up(Step::keep);
    }
    ::execvpe(arguments[0], arguments.data(), variables.data());
    give_up(Step::execute);
  }
  tell.reset();
  Failure failure{};
  ssize_t got = 0;
  do got = ::read(told.get(), &failure, sizeof failure);
  while (got < 0 && errno == EINTR);
  if (got == sizeof failure) {
    ::waitpid(child, nullptr, 0);
    return system_failure(failure.code, "the process " + std::string(name(failure.step)), order.command.front());
  }
  return Process{child, open_pidfd(child)};
}

}  // namespace fittest::suite
