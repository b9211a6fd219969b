#include "suite/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

#include "programs.h"

namespace fittest::suite {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

ProcessOrder order_of(std::vector<std::string> command) {
  ProcessOrder order;
  order.command = std::move(command);
  return order;
}

// The descriptors that a program started from here has for no reason of ours.
std::set<int> inheritable() {
  std::set<int> found;
  DIR* folder = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(folder)) {
    const int fd = std::atoi(entry->d_name);
    if (entry->d_name[0] != '.' && fd != ::dirfd(folder) && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) found.insert(fd);
  }
  ::closedir(folder);
  return found;
}

std::set<int> open_in_child(ProcessOrder order) {
  order.command = {"ls", "-1", "/proc/self/fd"};
  std::set<int> found;
  for (const std::string& line : lines_of(run_program(order).output)) found.insert(std::stoi(line));
  // `ls` has the folder open while it reads it, at the lowest number that is free.
  int own = 3;
  while (found.contains(own) && (inheritable().contains(own) || std::count(order.keep.begin(), order.keep.end(), own)))
    ++own;
  EXPECT_EQ(found.erase(own), 1U);
  return found;
}

std::map<std::string, std::string> status_of_child(const ProcessOrder& order) {
  std::map<std::string, std::string> fields;
  for (const std::string& line : lines_of(run_program(order).output)) {
    const std::size_t colon = line.find(":\t");
    if (colon != std::string::npos) fields[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return fields;
}

bool has_signal(const std::string& mask, int number) {
  return (std::stoull(mask, nullptr, 16) >> (number - 1) & 1) != 0;
}

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

TEST(Process, TheTwoStreamsGoWhereTheyAreToldTo) {
  const Ended ended = run_program(order_of({"ls", "-d", "/proc/self", "/no/such/thing"}));
  EXPECT_EQ(ended.output, "/proc/self\n");
  EXPECT_THAT(ended.error, HasSubstr("/no/such/thing"));
  EXPECT_EQ(ended.status.code(), 2);
}

TEST(Process, BothStreamsMayShareOneDescriptor) {
  Pipe both;
  ProcessOrder order = order_of({"ls", "-d", "/proc/self", "/no/such/thing"});
  order.output = order.error = both.write_end.get();
  auto process = start_process(order);
  ASSERT_TRUE(process) << process.error().text();
  both.write_end.reset();
  const std::string text = read_all(both.read_end);
  EXPECT_THAT(text, AllOf(HasSubstr("/proc/self\n"), HasSubstr("/no/such/thing")));
  ::waitpid(process->pid, nullptr, 0);
}

TEST(Process, StreamsThatNameEachOthersNumbersAreSwapped) {
  Pipe first, second;
  const Descriptor kept_output(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10));
  const Descriptor kept_error(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10));
  ASSERT_TRUE(kept_output && kept_error);
  ::dup2(first.write_end.get(), STDOUT_FILENO);
  ::dup2(second.write_end.get(), STDERR_FILENO);
  ProcessOrder order = order_of({"ls", "-d", "/proc/self", "/no/such/thing"});
  order.output = STDERR_FILENO;
  order.error = STDOUT_FILENO;
  auto process = start_process(order);
  ::dup2(kept_output.get(), STDOUT_FILENO);
  ::dup2(kept_error.get(), STDERR_FILENO);
  ASSERT_TRUE(process) << process.error().text();
  first.write_end.reset();
  second.write_end.reset();
  EXPECT_THAT(read_all(first.read_end), HasSubstr("/no/such/thing"));
  EXPECT_EQ(read_all(second.read_end), "/proc/self\n");
  ::waitpid(process->pid, nullptr, 0);
}

TEST(Process, WithoutInputThereIsNothingToRead) {
  EXPECT_EQ(run_program(order_of({"readlink", "/proc/self/fd/0"})).output, "/dev/null\n");
  EXPECT_EQ(run_program(order_of({"cat"})).output, "");
}

TEST(Process, InputIsReadFromTheDescriptorNamed) {
  Pipe input;
  ASSERT_EQ(::write(input.write_end.get(), "to be read", 10), 10);
  input.write_end.reset();
  ProcessOrder order = order_of({"cat"});
  order.input = input.read_end.get();
  EXPECT_EQ(run_program(order).output, "to be read");
}

TEST(Process, DescriptorsAreHandedOverUnderTheirNumbers) {
  const Descriptor file(::memfd_create("handed-over", MFD_CLOEXEC));
  const Descriptor high(::fcntl(file.get(), F_DUPFD_CLOEXEC, 321));
  ASSERT_TRUE(file && high);
  ProcessOrder order = order_of({"readlink", "/proc/self/fd/" + std::to_string(file.get()), "/proc/self/fd/321"});
  order.keep = {file.get(), high.get()};
  EXPECT_EQ(run_program(order).output, "/memfd:handed-over (deleted)\n/memfd:handed-over (deleted)\n");
  EXPECT_EQ(::fcntl(file.get(), F_GETFD), FD_CLOEXEC) << "the next child would have it too";
}

TEST(Process, NothingElseIsHandedOver) {
  const Descriptor file(::memfd_create("not-handed-over", MFD_CLOEXEC));
  const Descriptor kept(::fcntl(file.get(), F_DUPFD_CLOEXEC, 100));
  ASSERT_TRUE(file && kept);
  std::set<int> expected = inheritable();
  expected.insert({0, 1, 2});
  EXPECT_EQ(open_in_child({}), expected);
  ProcessOrder order;
  order.keep = {kept.get()};
  expected.insert(kept.get());
  EXPECT_EQ(open_in_child(order), expected);
}

TEST(Process, NothingStaysOpenHere) {
  const std::set<int> before = inheritable();
  const Descriptor lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  (void)run_program(order_of({"true"}));
  ProcessOrder wrong = order_of({"true"});
  wrong.join_files = {"/no/such/domain"};
  ASSERT_FALSE(start_process(wrong));
  const Descriptor next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(next.get(), lowest.get() + 1);
  EXPECT_EQ(inheritable(), before);
}

TEST(Process, ADescriptorThatIsNotOpenIsAnError) {
  ProcessOrder order = order_of({"true"});
  order.keep = {999};
  const auto process = start_process(order);
  ASSERT_FALSE(process);
  EXPECT_THAT(process.error().text(), HasSubstr("cannot hand over a descriptor"));
  order.keep = {};
  order.output = 999;
  const auto other = start_process(order);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().text(), HasSubstr("cannot set up its standard streams"));
  EXPECT_FALSE(has_children());
}

TEST(Process, TheEnvironmentIsOursWithTheVariablesNamedInFront) {
  ::setenv("FITTEST_T", "ours", 1);
  ::setenv("FITTEST_TE", "a longer name", 1);
  ::setenv("FITTEST_OTHER", "kept", 1);
  ProcessOrder order = order_of({"env", "-0"});
  order.environment = {"FITTEST_T=theirs=with=signs", "FITTEST_NEW=", "FITTEST_LINES=one\ntwo"};
  std::string text = run_program(order).output;
  for (const char* name : {"FITTEST_T", "FITTEST_TE", "FITTEST_OTHER"}) ::unsetenv(name);
  std::vector<std::string> variables;
  for (std::size_t at = 0; at < text.size();) {
    variables.emplace_back(text.c_str() + at);
    at += variables.back().size() + 1;
  }
  EXPECT_THAT(variables, Contains("FITTEST_T=theirs=with=signs"));
  EXPECT_THAT(variables, Not(Contains("FITTEST_T=ours")));
  EXPECT_THAT(variables, Contains("FITTEST_TE=a longer name"));
  EXPECT_THAT(variables, Contains("FITTEST_OTHER=kept"));
  EXPECT_THAT(variables, Contains("FITTEST_NEW="));
  EXPECT_THAT(variables, Contains("FITTEST_LINES=one\ntwo"));
  EXPECT_THAT(variables, Contains(std::string("PATH=") + std::getenv("PATH")));
}

TEST(Process, JoinsItsDomainBeforeAnythingElse) {
  const TemporaryFolder folder;
  const auto first = folder.file("tasks", ""), second = folder.file("cgroup.procs", "");
  ProcessOrder order = order_of({"cat", first.string(), second.string()});
  order.join_files = {first.string(), second.string()};
  EXPECT_EQ(run_program(order).output, "0\n0\n");
}

TEST(Process, ADomainThatIsMissingIsAnErrorAndLeavesNoProcess) {
  const TemporaryFolder folder;
  ProcessOrder order = order_of({"touch", (folder.path() / "ran").string()});
  order.join_files = {(folder.path() / "gone").string()};
  const auto process = start_process(order);
  ASSERT_FALSE(process);
  EXPECT_THAT(process.error().text(), AllOf(HasSubstr("cannot join its memory domain"), HasSubstr("No such file")));
  EXPECT_FALSE(has_children());
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "ran"));
}

TEST(Process, AProgramThatIsMissingIsAnErrorThatNamesIt) {
  const auto process = start_process(order_of({"no-such-program-anywhere"}));
  ASSERT_FALSE(process);
  EXPECT_THAT(process.error().text(),
              AllOf(HasSubstr("no-such-program-anywhere"), HasSubstr("cannot be executed"), HasSubstr("No such file")));
  EXPECT_FALSE(has_children());
}

TEST(Process, AFileThatIsNoProgramIsAnError) {
  const TemporaryFolder folder;
  const auto process = start_process(order_of({folder.file("text", "words").string()}));
  ASSERT_FALSE(process);
  EXPECT_THAT(process.error().text(), HasSubstr("Permission denied"));
}

TEST(Process, ACommandLineThatIsTooLongIsAnError) {
  const auto process = start_process(order_of({"true", std::string(1 << 20, 'x')}));
  ASSERT_FALSE(process);
  EXPECT_THAT(process.error().text(), HasSubstr("Argument list too long"));
}

TEST(Process, LeadsASessionOfItsOwnOrStaysInOurs) {
  const auto session_of = [](bool own) {
    ProcessOrder order = order_of({"cat", "/proc/self/stat"});
    order.own_session = own;
    const Ended ended = run_program(order);
    // Behind the name in parentheses: state, parent, group, session.
    std::istringstream fields(ended.output.substr(ended.output.rfind(')') + 2));
    std::string state;
    pid_t parent = 0, group = 0, session = 0;
    fields >> state >> parent >> group >> session;
    EXPECT_EQ(parent, ::getpid());
    return std::pair{session, ended.pid};
  };
  const auto [own, pid] = session_of(true);
  EXPECT_EQ(own, pid);
  EXPECT_EQ(session_of(false).first, ::getsid(0));
}

TEST(Process, EndsWithFittestWhereItIsAskedTo) {
  Pipe output;
  const pid_t fittest = ::fork();
  if (fittest == 0) {
    ProcessOrder order = order_of({"sh", "-c", "trap '' INT TERM HUP; echo; exec sleep 1000"});
    order.output = output.write_end.get();
    order.ends_with_fittest = true;
    if (!start_process(order)) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  output.write_end.reset();
  char byte = 0;
  ASSERT_EQ(::read(output.read_end.get(), &byte, 1), 1) << "it lives";
  ::kill(fittest, SIGKILL);
  int status = 0;
  ::waitpid(fittest, &status, 0);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_EQ(::read(output.read_end.get(), &byte, 1), 0) << "nobody is left to write";
}

TEST(Process, SignalsAreAsAProgramExpectsThem) {
  sigset_t blocked, before;
  ::sigfillset(&blocked);
  ::sigprocmask(SIG_SETMASK, &blocked, &before);
  std::map<int, sighandler_t> kept;
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGQUIT, SIGHUP}) kept[number] = ::signal(number, SIG_IGN);
  const auto status = status_of_child(order_of({"cat", "/proc/self/status"}));
  for (const auto& [number, handler] : kept) ::signal(number, handler);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(std::stoull(status.at("SigBlk"), nullptr, 16), 0U);
  for (const auto& [number, handler] : kept) EXPECT_FALSE(has_signal(status.at("SigIgn"), number)) << number;
}

TEST(Process, TheHandleTellsTheEnd) {
  Pipe input;
  ProcessOrder order = order_of({"cat"});
  order.input = input.read_end.get();
  auto process = start_process(order);
  ASSERT_TRUE(process) << process.error().text();
  if (!process->handle) GTEST_SKIP() << "this kernel has no pidfd";
  pollfd end{process->handle.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&end, 1, 0), 0) << "it lives";
  input.read_end.reset();
  input.write_end.reset();
  EXPECT_EQ(::poll(&end, 1, 60'000), 1);
  ::waitpid(process->pid, nullptr, 0);
  EXPECT_FALSE(open_pidfd(process->pid)) << "it is gone";
}

}  // namespace
}  // namespace fittest::suite
