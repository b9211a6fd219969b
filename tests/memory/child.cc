#include "child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "memory/process_table.h"

namespace fittest::memory {
namespace {

constexpr int kRoleIn = 200;  // the talk's descriptors in a program started anew
constexpr int kRoleOut = 201;

std::pair<Descriptor, Descriptor> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 fails");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

// Joins as a worker's first process does. No malloc: what it touches should be charged to nobody.
void join(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, "0\n", 2) != 2) ::_exit(99);
    ::close(fd);
  }
}

[[noreturn]] void exec_role(const std::string& role, const std::vector<std::string>& environment, int in, int out) {
  ::dup2(in, kRoleIn);
  ::dup2(out, kRoleOut);
  std::string program = "/proc/self/exe";
  std::string option = "--role=" + role;
  std::array<char*, 3> arguments{program.data(), option.data(), nullptr};
  std::vector<std::string> lines = environment;
  std::vector<char*> variables;
  variables.reserve(lines.size() + 1);
  for (std::string& line : lines) variables.push_back(line.data());
  variables.push_back(nullptr);
  ::execve(program.c_str(), arguments.data(), variables.data());
  ::_exit(98);
}

}  // namespace

void Talk::tell() {
  tell(0);
}

void Talk::tell(std::int64_t number) {
  if (::write(out_.get(), &number, sizeof number) != sizeof number) ::_exit(97);
}

void Talk::wait() {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(in_.get(), &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) ::_exit(96);
}

Child::Child(WorkerDomain& domain, Body body) : Child(&domain, body, nullptr) {}
Child::Child(Body body) : Child(nullptr, body, nullptr) {}
Child Child::role(WorkerDomain& domain, const std::string& role) {
  return Child(&domain, {}, &role);
}

Child::Child(WorkerDomain* domain, const Body& body, const std::string* role) {
  auto [down_read, down_write] = make_pipe();
  auto [up_read, up_write] = make_pipe();
  const auto files = domain != nullptr ? domain->join_files() : std::vector<std::string>{};
  const auto environment = domain != nullptr ? domain->environment() : std::vector<std::string>{};
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork fails");
  if (pid_ == 0) {
    down_write.reset();
    up_read.reset();
    join(files);
    if (role != nullptr) exec_role(*role, environment, down_read.get(), up_write.get());
    Talk talk(std::move(down_read), std::move(up_write));
    talk.wait();
    body(talk);
    ::_exit(0);
  }
  out_ = std::move(down_write);
  in_ = std::move(up_read);
  if (domain != nullptr) domain->adopt(pid_);
  go();
}

Child::~Child() {
  if (pid_ == 0 || waited_ || !in_) return;  // moved from, or ended
  ::kill(pid_, SIGKILL);
  end();
}

std::int64_t Child::hear() {
  pollfd ready{in_.get(), POLLIN, 0};
  const auto patience = static_cast<int>(std::chrono::milliseconds(kSoon).count());
  std::int64_t number = 0;
  if (::poll(&ready, 1, patience) != 1 || ::read(in_.get(), &number, sizeof number) != sizeof number) {
    ADD_FAILURE() << "the child " << pid_ << " ended or said nothing";
    return -1;
  }
  return number;
}

void Child::go() {
  // A child that was killed meanwhile is for the test to find out.
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  (void)!::write(out_.get(), "g", 1);
  ::signal(SIGPIPE, before);
}

std::int64_t Child::next() {
  go();
  return hear();
}

int Child::end() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
  waited_ = true;
  return status;
}

// Past the sanitizers, whose shadow memory would count as held too.
Block::Block(Bytes size) : size_(size.value) {
  const long start = ::syscall(SYS_mmap, nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == -1) ::_exit(95);
  start_ = reinterpret_cast<char*>(start);  // NOLINT(performance-no-int-to-ptr)
  touch('x', Bytes{}, size);
}

Block::~Block() {
  ::syscall(SYS_munmap, start_, size_);
}

__attribute__((no_sanitize("address", "thread"))) void Block::touch(char value, Bytes from, Bytes size) {
  for (std::uint64_t at = 0; at < size.value; at += 4096) {
    const_cast<volatile char*>(start_)[from.value + at] = value;
  }
}

bool lives(pid_t pid) {
  const auto stat = read_stat(pid);
  return stat && !stat->is_zombie();
}

int play_role(const std::string& role) {
  Talk talk{Descriptor(kRoleIn), Descriptor(kRoleOut)};
  talk.wait();
  if (role == "daemon") {
    // The book's way: parent and session are left, and the process between is gone before anyone looks.
    if (const pid_t between = ::fork(); between != 0) {
      ::waitpid(between, nullptr, 0);
      talk.wait();
      return 0;
    }
    ::setsid();
    if (::fork() != 0) ::_exit(0);
    talk.tell(::getpid());
    while (true) ::pause();
  }
  if (role == "wait") {
    talk.tell(::getpid());
    while (true) ::pause();
  }
  return 94;
}

}  // namespace fittest::memory
