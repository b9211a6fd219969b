// How what runs in a domain is stopped, ended and left, with every kind of domain, on the real kernel.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "domain_fixture.h"

namespace fittest::memory {
namespace {

namespace fs = std::filesystem;

// Makes a worker's root of the caller: leads a process group, and is the parent of all whose parent is gone, which
// would else become zombies of the machine's first process.
void become_reaper() {
  ::setpgid(0, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::signal(SIGCHLD, SIG_IGN);
}

// A process that is never where it was seen: it forks, ends, and goes on as its child. After a minute it stops by
// itself, so that a failing test leaves nothing behind.
[[noreturn]] void keep_moving(const DomainTest::Counter& steps) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (::fork() <= 0 && std::chrono::steady_clock::now() < end) steps.add();
  ::_exit(0);
}

class DomainEnds : public DomainTest {};
INSTANTIATE_TEST_SUITE_P(Kinds, DomainEnds, ::testing::ValuesIn(kinds_here()),
                         [](const auto& kind) { return test_name(kind.param); });

TEST_P(DomainEnds, AKillByAnybodyElseIsNoKernelKill) {
  const auto run = open();
  const auto w0 = worker(*run);
  Child child(*w0, [](Talk& talk) {
    talk.tell();
    talk.wait();
  });
  child.hear();
  ::kill(child.pid(), SIGKILL);
  child.end();
  EXPECT_EQ(w0->usage().oom_kills, 0u);
  EXPECT_EQ(run->usage().oom_kills, 0u);
}

TEST_P(DomainEnds, KillAllEndsEveryProcess) {
  const auto run = open();
  const auto w0 = worker(*run);
  Child child(*w0, [](Talk& talk) {
    for (int i = 0; i < 20; ++i) {
      if (::fork() == 0) {
        if (i % 2 == 0) (void)::fork();
        while (true) ::pause();
      }
    }
    talk.tell();
    while (true) ::pause();
  });
  child.hear();
  EXPECT_TRUE(soon([&] { return w0->processes().size() == 31; })) << w0->processes().size();
  const auto pids = w0->processes();
  const auto killed = w0->kill_all();
  EXPECT_TRUE(killed) << killed.error().text();
  EXPECT_THAT(w0->processes(), ::testing::IsEmpty());
  for (const pid_t pid : pids) EXPECT_TRUE(soon([&] { return !lives(pid); }));
  EXPECT_TRUE(w0->kill_all()) << "an empty one is fine";
}

TEST_P(DomainEnds, KillAllEndsAForkBomb) {
  const auto run = open();
  auto w0 = worker(*run);
  const auto dirs = run->cgroup_directories();
  const Counter forks;
  // Eight processes that are never where they were seen: each forks, and ends.
  Child child(*w0, [&](Talk& talk) {
    become_reaper();
    for (int i = 0; i < 8; ++i) {
      if (::fork() == 0) keep_moving(forks);
    }
    talk.tell();
    while (true) ::pause();
  });
  child.hear();
  (void)w0->usage();
  ASSERT_TRUE(soon([&] { return forks.read() > 200; }));
  const auto killed = w0->kill_all(kSoon);
  EXPECT_TRUE(killed) << killed.error().text();
  const std::uint64_t then = forks.read();
  for (int i = 0; i < 20; ++i) ::sched_yield();
  EXPECT_EQ(forks.read(), then);
}

TEST_P(DomainEnds, DestructionEndsWhatKeepsForkingAndLeavesNothing) {
  auto run = open();
  auto w0 = worker(*run);
  const auto dirs = run->cgroup_directories();
  const Counter forks;
  Child child(*w0, [&](Talk& talk) {
    become_reaper();
    for (int i = 0; i < 4; ++i) {
      if (::fork() == 0) keep_moving(forks);
    }
    talk.tell();
    while (true) ::pause();
  });
  child.hear();
  (void)w0->usage();
  ASSERT_TRUE(soon([&] { return forks.read() > 100; }));
  w0.reset();
  run.reset();
  const std::uint64_t then = forks.read();
  for (const fs::path& directory : dirs) EXPECT_FALSE(fs::exists(directory)) << directory;
  for (int i = 0; i < 20; ++i) ::sched_yield();
  EXPECT_EQ(forks.read(), then);
}

TEST_P(DomainEnds, AFrozenWorkerStandsStillAndGoesOnWhenThawed) {
  const auto run = open();
  const auto w0 = worker(*run);
  const Counter steps;
  Child child(*w0, [&](Talk& talk) {
    for (int i = 0; i < 3; ++i) {
      if (::fork() == 0) {
        while (true) steps.add();
      }
    }
    talk.tell();
    while (true) ::pause();
  });
  child.hear();
  ASSERT_TRUE(soon([&] { return steps.read() > 1000; }));
  const auto frozen = w0->freeze();
  ASSERT_TRUE(frozen) << frozen.error().text();
  const std::uint64_t then = steps.read();
  ::usleep(20'000);  // time in which they would have moved on
  EXPECT_EQ(steps.read(), then);
  EXPECT_TRUE(w0->freeze()) << "freezing twice is fine";
  ASSERT_TRUE(w0->thaw());
  EXPECT_TRUE(soon([&] { return steps.read() > then; }));
  EXPECT_TRUE(w0->kill_all());
}

TEST_P(DomainEnds, FrozenProcessesAreKilledToo) {
  const auto run = open();
  const auto w0 = worker(*run);
  Child child(*w0, [](Talk& talk) {
    (void)::fork();
    talk.tell();
    while (true) ::pause();
  });
  child.hear();
  ASSERT_TRUE(w0->freeze());
  const auto killed = w0->kill_all();
  EXPECT_TRUE(killed) << killed.error().text();
  EXPECT_THAT(w0->processes(), ::testing::IsEmpty());
}

TEST_P(DomainEnds, AFrozenWorkerCanBeDestroyed) {
  const auto run = open();
  auto w0 = worker(*run);
  Child child(*w0, [](Talk& talk) {
    talk.tell();
    while (true) ::pause();
  });
  child.hear();
  ASSERT_TRUE(w0->freeze());
  w0.reset();
  const int status = child.end();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST_P(DomainEnds, DaemonsAreFoundAndKilled) {
  const auto run = open();
  auto w0 = worker(*run);
  Child child = Child::role(*w0, "daemon");
  const auto daemon = static_cast<pid_t>(child.hear());
  EXPECT_TRUE(soon([&] {
    const auto pids = w0->processes();
    return std::find(pids.begin(), pids.end(), daemon) != pids.end();
  }));
  child.go();
  child.end();
  EXPECT_TRUE(lives(daemon));
  w0.reset();
  EXPECT_TRUE(soon([&] { return !lives(daemon); }));
}

TEST_P(DomainEnds, AWorkerMayOutliveItsRun) {
  auto run = open();
  const auto dirs = run->cgroup_directories();
  auto w0 = worker(*run);
  Child child(*w0, [](Talk& talk) {
    talk.tell();
    while (true) ::pause();
  });
  child.hear();
  run.reset();
  EXPECT_TRUE(soon([&] { return !lives(child.pid()); })) << "the run's end is its workers' end";
  (void)w0->usage();
  EXPECT_TRUE(w0->kill_all());
  w0.reset();
  for (const fs::path& directory : dirs) EXPECT_FALSE(fs::exists(directory)) << directory;
}

TEST_P(DomainEnds, AForkedCopyOfTheObjectsRemovesNothing) {
  auto run = open();
  auto w0 = worker(*run);
  Child inside(*w0, [](Talk& talk) {
    talk.tell();
    while (true) ::pause();
  });
  inside.hear();
  Child copy([&](Talk& talk) {
    w0.reset();
    run.reset();
    talk.tell();
  });
  copy.hear();
  EXPECT_EQ(copy.end(), 0);
  EXPECT_TRUE(lives(inside.pid()));
  for (const fs::path& directory : run->cgroup_directories()) EXPECT_TRUE(fs::exists(directory));
  EXPECT_THAT(w0->processes(), ::testing::Contains(inside.pid()));
}

}  // namespace
}  // namespace fittest::memory
