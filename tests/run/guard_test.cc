// A process plays fittest: it starts the guard, opens a memory domain, starts a process of the suite in it, and is then
// killed -9. The test looks at what is left.
#include "run/guard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include "core/exit_status.h"
#include "memory/domain.h"
#include "memory/process_table.h"
#include "suite/process.h"

namespace fittest::run {
namespace {

namespace fs = std::filesystem;
using memory::DomainKind;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    read_end = Descriptor(ends[0]);
    write_end = Descriptor(ends[1]);
  }
  Descriptor read_end, write_end;
};

// What the player tells of itself, line by line, before it waits for its end.
struct Told {
  pid_t suite = 0;  // the process of the suite
  std::vector<fs::path> directories;
};

std::string comm_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(in, name);
  return name;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  for (const memory::ProcessStat& process : memory::read_process_table()) {
    if (process.parent == parent && !process.is_zombie()) found.push_back(process.pid);
  }
  return found;
}

bool lives(pid_t pid) {
  const auto stat = memory::read_stat(pid);
  return stat && !stat->is_zombie();
}

class GuardTest : public testing::Test {
 protected:
  // Orphans come to this process, so that it can wait for the guard, and be sure that it is done.
  GuardTest() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
  ~GuardTest() override {
    for (const pid_t pid : {player_, told_.suite}) {
      if (pid > 0) ::kill(pid, SIGKILL);
    }
    wait_for_all();
    (void)memory::remove_domain_directories(told_.directories);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  }

  enum class Then { wait, say_goodbye };

  // Starts the player, and returns when it has told all.
  void play(DomainKind kind, Then then) {
    Pipe news;
    player_ = ::fork();
    ASSERT_GE(player_, 0);
    if (player_ == 0) {
      news.read_end.reset();
      act(kind, then, news.write_end.get());
    }
    news.write_end.reset();
    std::string text;
    std::array<char, 4096> part{};
    for (ssize_t got = 0; text.find("\nend\n") == std::string::npos;) {
      got = ::read(news.read_end.get(), part.data(), part.size());
      ASSERT_GT(got, 0) << "the player ended early: " << text;
      text.append(part.data(), static_cast<std::size_t>(got));
    }
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    told_.suite = std::stoi(line);
    while (std::getline(lines, line) && line != "end") told_.directories.emplace_back(line);
    ASSERT_TRUE(lives(told_.suite));
  }

  // All that is a child of this process ends; the guard does when it is done.
  static void wait_for_all() {
    while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) continue;
  }

  void wait_for_player() const {
    while (::waitpid(player_, nullptr, 0) < 0 && errno == EINTR) continue;
  }

  pid_t guard() const {
    for (const pid_t pid : children_of(player_)) {
      if (comm_of(pid) == "fittest-guard") return pid;
    }
    return 0;
  }

  pid_t player_ = 0;
  Told told_;

 private:
  [[noreturn]] static void act(DomainKind kind, Then then, int news) {
    auto guard = Guard::start();
    if (!guard) ::_exit(3);
    std::optional<Guard> kept(std::move(*guard));
    auto opened = memory::open_domain({"guard-test-" + std::to_string(::getpid()), MiB(256), kind});
    if (!opened) ::_exit(4);
    const auto directories = opened->domain->cgroup_directories();
    kept->watch(directories, opened->domain->process_mark());
    auto worker = opened->domain->make_worker("w0");
    if (!worker) ::_exit(5);
    suite::ProcessOrder order;
    order.command = {"sleep", "1000"};
    order.join_files = (*worker)->join_files();
    order.environment = (*worker)->environment();
    auto process = suite::start_process(order);
    if (!process) ::_exit(6);
    (*worker)->adopt(process->pid);
    std::string text = std::to_string(process->pid) + "\n";
    for (const fs::path& directory : directories) text += directory.string() + "\n";
    text += "end\n";
    if (then == Then::say_goodbye) {
      kept.reset();
      (void)!::write(news, text.data(), text.size());
      ::_exit(0);  // without a look at what is left: that is the test's
    }
    (void)!::write(news, text.data(), text.size());
    while (true) ::pause();
  }
};

bool is_there(DomainKind kind) {
  return memory::open_domain({"guard-probe", MiB(256), kind}).has_value();
}

class EachKind : public GuardTest, public testing::WithParamInterface<DomainKind> {
 protected:
  void SetUp() override {
    if (!is_there(GetParam())) GTEST_SKIP() << "there is no " << memory::name(GetParam()) << " here";
  }
};
INSTANTIATE_TEST_SUITE_P(Guard, EachKind,
                         testing::Values(DomainKind::cgroup_v2, DomainKind::cgroup_v1, DomainKind::proc),
                         [](const auto& one) {
                           return one.param == DomainKind::proc        ? "proc"
                                  : one.param == DomainKind::cgroup_v1 ? "v1"
                                                                       : "v2";
                         });

TEST_P(EachKind, WhenFittestIsKilledTheSuiteGoesWithItAndItsCgroupsToo) {
  play(GetParam(), Then::wait);
  ASSERT_FALSE(HasFatalFailure());
  for (const fs::path& directory : told_.directories) EXPECT_TRUE(fs::exists(directory));
  EXPECT_EQ(told_.directories.empty(), GetParam() == DomainKind::proc);
  ::kill(player_, SIGKILL);
  wait_for_all();
  EXPECT_FALSE(lives(told_.suite));
  for (const fs::path& directory : told_.directories) EXPECT_FALSE(fs::exists(directory)) << directory;
}

TEST_P(EachKind, AfterAGoodbyeTheGuardLeavesEverythingAlone) {
  play(GetParam(), Then::say_goodbye);
  ASSERT_FALSE(HasFatalFailure());
  wait_for_player();  // the guard had ended before: its destructor waits for that
  EXPECT_TRUE(lives(told_.suite));
  for (const fs::path& directory : told_.directories) EXPECT_TRUE(fs::exists(directory)) << directory;
}

TEST_P(EachKind, TheGuardOutlivesTheSignalsOfATerminal) {
  play(GetParam(), Then::wait);
  ASSERT_FALSE(HasFatalFailure());
  const pid_t pid = guard();
  ASSERT_GT(pid, 0);
  EXPECT_EQ(memory::read_stat(pid)->session, pid) << "it is in a session of its own";
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::kill(pid, number);
  ::kill(player_, SIGKILL);
  wait_for_all();
  EXPECT_FALSE(lives(told_.suite));
}

TEST_F(GuardTest, HoldsNoDescriptorOfItsParentOpen) {
  Pipe pipe;
  player_ = ::fork();
  ASSERT_GE(player_, 0);
  if (player_ == 0) {
    auto guard = Guard::start();
    if (!guard) ::_exit(3);
    pipe.write_end.reset();
    while (true) ::pause();
  }
  pipe.write_end.reset();
  pollfd end{pipe.read_end.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&end, 1, 60'000), 1) << "who reads fittest's output would wait for the guard";
  EXPECT_TRUE((end.revents & POLLHUP) != 0);
}

TEST_F(GuardTest, AGuardThatIsKilledIsNoReasonToEnd) {
  player_ = ::fork();
  ASSERT_GE(player_, 0);
  if (player_ == 0) {
    auto guard = Guard::start();
    if (!guard) ::_exit(3);
    for (const pid_t pid : children_of(::getpid())) ::kill(pid, SIGKILL);
    siginfo_t info{};
    ::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);  // it is dead, and not yet waited for
    guard->watch({"/no/such/cgroup"}, "mark");
    { const Guard last(std::move(*guard)); }
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(player_, &status, 0) < 0 && errno == EINTR) continue;
  player_ = 0;
  EXPECT_EQ(ExitStatus(status).text(), "exit code 0");
}

}  // namespace
}  // namespace fittest::run
