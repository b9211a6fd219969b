// What is left of a run whose fittest was killed -9, and how it goes.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "domain_fixture.h"
#include "memory/cgroup_files.h"
#include "memory/domain_name.h"
#include "memory/process_table.h"

namespace fittest::memory {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;

class Stale : public DomainTest {};
INSTANTIATE_TEST_SUITE_P(Kinds, Stale, ::testing::ValuesIn(kinds_here()),
                         [](const auto& kind) { return test_name(kind.param); });

// A run in a process of its own, with a worker in which `processes` live; killed -9.
struct Leftover {
  std::vector<pid_t> pids;
  std::vector<fs::path> directories;
  std::string mark;  // empty for cgroups
};

void tell_text(Talk& talk, const std::string& text) {
  for (const char c : text) talk.tell(c);
  talk.tell(0);
}

std::string hear_text(Child& child) {
  std::string text;
  for (std::int64_t c = child.hear(); c > 0; c = child.hear()) text += static_cast<char>(c);
  return text;
}

Leftover leave_behind(DomainKind kind, const std::string& run_id) {
  Leftover left;
  Child fittest([&](Talk& talk) {
    auto opened = open_domain({run_id, MiB(128), kind});
    if (!opened) ::_exit(1);
    auto w0 = opened->domain->make_worker("w0");
    if (!w0) ::_exit(2);
    Child daemon = Child::role(**w0, "daemon");
    const auto daemon_pid = daemon.hear();
    Child waiting = Child::role(**w0, "wait");
    (void)waiting.hear();
    talk.tell(daemon_pid);
    talk.tell(waiting.pid());
    const auto directories = opened->domain->cgroup_directories();
    talk.tell(static_cast<std::int64_t>(directories.size()));
    for (const fs::path& directory : directories) tell_text(talk, directory.string());
    tell_text(talk, opened->domain->process_mark().value_or(""));
    while (true) ::pause();
  });
  left.pids.push_back(static_cast<pid_t>(fittest.hear()));
  left.pids.push_back(static_cast<pid_t>(fittest.hear()));
  for (std::int64_t count = fittest.hear(); count > 0; --count) left.directories.emplace_back(hear_text(fittest));
  left.mark = hear_text(fittest);
  ::kill(fittest.pid(), SIGKILL);
  fittest.end();
  return left;
}

TEST_P(Stale, ASweepFindsAndRemovesIt) {
  const auto mine = open(MiB(64), "alive");  // a run that lives is left alone
  const auto w0 = worker(*mine);
  Child child = Child::role(*w0, "wait");
  child.hear();

  // Again where another fittest on this machine was quicker to sweep it.
  bool said = false;
  for (int attempt = 0; attempt < 10 && !said; ++attempt) {
    const Leftover left = leave_behind(GetParam(), "killed");
    const bool lived = std::all_of(left.pids.begin(), left.pids.end(), lives);
    const auto lines = sweep_stale_domains();
    said = lived && ::testing::Matches(Contains(HasSubstr("removed what run killed left behind")))(lines);
    for (const pid_t pid : left.pids) EXPECT_TRUE(soon([&] { return !lives(pid); })) << pid;
    for (const fs::path& directory : left.directories) {
      EXPECT_TRUE(soon([&] { return !fs::exists(directory); })) << directory;
    }
  }
  EXPECT_TRUE(said);
  EXPECT_TRUE(lives(child.pid()));
}

TEST_P(Stale, AProcessThatOutlivesTheRunCanRemoveItAtOnce) {
  // On v2 in a cgroup handed to a user, a second process may make a run only where the first has handed out memory.
  const auto mine = open(MiB(64), "alive");
  const Leftover left = leave_behind(GetParam(), "guarded");
  EXPECT_EQ(left.mark.empty(), !left.directories.empty()) << "one way or the other";
  EXPECT_THAT(remove_domain_directories(left.directories), ::testing::IsEmpty());
  if (!left.mark.empty()) {
    EXPECT_EQ(kill_marked_processes(left.mark), 0u);
  }
  for (const pid_t pid : left.pids) EXPECT_TRUE(soon([&] { return !lives(pid); })) << pid;
  for (const fs::path& directory : left.directories) EXPECT_FALSE(fs::exists(directory)) << directory;
  EXPECT_THAT(remove_domain_directories(left.directories), ::testing::IsEmpty()) << "what is gone is fine";
}

TEST_P(Stale, TheRemoverMayStandInsideItself) {
  auto run = open(MiB(64), "inside");
  if (run->cgroup_directories().empty()) GTEST_SKIP() << "this kind makes no directories";
  const auto w0 = worker(*run);
  const auto directories = run->cgroup_directories();
  // The guard was started by a worker, by mistake or not: it must not kill itself.
  Child guard(*w0, [&](Talk& talk) {
    talk.tell(static_cast<std::int64_t>(remove_domain_directories({directories.front()}).size()));
  });
  EXPECT_EQ(guard.hear(), 0);
  EXPECT_EQ(guard.end(), 0);
  EXPECT_FALSE(fs::exists(directories.front()));
}

TEST(DomainName, SaysWhoMadeItAndReadsBack) {
  const auto own = own_domain_name("a-1");
  ASSERT_TRUE(own);
  EXPECT_FALSE(own->owner_is_gone());
  const auto again = parse_domain_name(own->text());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->text(), own->text());
  EXPECT_EQ(again->run_id, "a-1");
  EXPECT_EQ(again->owner, ::getpid());

  DomainName other = *own;
  other.owner_start += 1;
  EXPECT_TRUE(other.owner_is_gone()) << "the pid was given again";
  other = *own;
  other.owner_namespace += 1;
  other.owner_start += 1;
  EXPECT_FALSE(other.owner_is_gone()) << "of another pid namespace nothing is known";
}

TEST(DomainName, AZombieIsGone) {
  Child child([](Talk& talk) { talk.tell(); });
  child.hear();
  ASSERT_TRUE(soon([&] {
    const auto stat = read_stat(child.pid());
    return stat && stat->is_zombie();
  }));
  DomainName name{"z", child.pid(), read_stat(child.pid())->start_time, own_pid_namespace(), false};
  EXPECT_TRUE(name.owner_is_gone());
}

TEST(DomainName, OtherNamesAreNobodys) {
  for (const char* text : {"", "fittest", "fittest-", "fittest-a", "fittest-a.1.2", "fittest-a.0.2.3", "fittest-.1.2.3",
                           "fittest-a.1.2.3.4", "fittest-a.-1.2.3", "fittest-a.1.2.3-sel", "fittest-a/b.1.2.3",
                           "xfittest-a.1.2.3", "fittest-a.99999999999.2.3"}) {
    EXPECT_FALSE(parse_domain_name(text)) << text;
  }
}

}  // namespace
}  // namespace fittest::memory
