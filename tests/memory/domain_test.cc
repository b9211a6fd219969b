// What every kind of domain says of memory and promises of limits and names, on the real kernel.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "domain_fixture.h"
#include "memory/cgroup_files.h"

namespace fittest::memory {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Domain : public DomainTest {};
INSTANTIATE_TEST_SUITE_P(Kinds, Domain, ::testing::ValuesIn(kinds_here()),
                         [](const auto& kind) { return test_name(kind.param); });

TEST_P(Domain, HoldsWhatItsProcessesTouchAndLosesItWhenTheyEnd) {
  const auto run = open();
  const auto w0 = worker(*run);
  const auto w1 = worker(*run, "w1");
  Child child(*w0, [](Talk& talk) {
    talk.tell();
    talk.wait();
    const Block block(MiB(64));
    talk.tell();
    talk.wait();
  });
  child.hear();
  const Bytes before = w0->usage().held;
  child.next();
  const Usage now = w0->usage();
  EXPECT_GE(now.held - before, MiB(63));
  EXPECT_LE(now.held - before, MiB(72));
  EXPECT_GE(now.peak, now.held - MiB(1));
  EXPECT_GE(run->usage().held, now.held - MiB(1));
  EXPECT_LE(w1->usage().held, MiB(1)) << "a neighbour holds nothing of it";
  child.go();
  EXPECT_EQ(child.end(), 0);
  EXPECT_TRUE(soon([&] { return w0->usage().held < MiB(4); })) << w0->usage().held.mib();
  EXPECT_GE(w0->usage().peak, MiB(64)) << "a peak stays";
}

// A fork of a large process: what is shared with it counts once, and in the parent's domain.
TEST_P(Domain, SharedPagesOfAZygoteCountOnceAndItsForksOwnWritesAsTheirs) {
  const auto run = open();
  const auto zygote = worker(*run, "zygote");
  const auto fork = worker(*run, "fork");
  Child child(*zygote, [&](Talk& talk) {
    talk.tell();
    talk.wait();
    Block block(MiB(96));
    // The fork joins its own domain before anything else, as a worker does.
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (const std::string& file : fork->join_files()) {
        const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
        if (fd < 0 || ::write(fd, "0\n", 2) != 2) ::_exit(99);
        ::close(fd);
      }
      talk.tell(::getpid());
      talk.wait();
      block.touch('y', MiB(16), MiB(32));
      talk.tell();
      talk.wait();
      ::_exit(0);
    }
    ::waitpid(pid, nullptr, 0);
    talk.tell();
  });
  child.hear();
  const Bytes bare = zygote->usage().held;  // a sanitized program is large by itself
  fork->adopt(static_cast<pid_t>(child.next()));
  const Bytes zygote_before = zygote->usage().held;
  const Bytes fork_before = fork->usage().held;
  const Bytes run_before = run->usage().held;
  EXPECT_GE(zygote_before - bare, MiB(95));
  EXPECT_LE(fork_before, MiB(3) + bare.scaled(0.5));
  EXPECT_LE(run_before - bare, MiB(96 + 12) + bare.scaled(0.5)) << "not counted twice";

  child.next();
  EXPECT_TRUE(soon([&] { return fork->usage().held - fork_before >= MiB(31); })) << fork->usage().held.mib();
  const Bytes slack = MiB(6) + bare.scaled(0.5);
  EXPECT_LE(fork->usage().held - fork_before, MiB(32) + slack);
  EXPECT_TRUE(soon([&] {
    const Bytes now = zygote->usage().held;
    return now <= zygote_before + slack && now >= zygote_before - slack;
  })) << "the fork's writes are not the zygote's: "
      << zygote->usage().held.mib();
  EXPECT_TRUE(soon([&] {
    const Bytes grown = run->usage().held - run_before;
    return grown >= MiB(31) - slack && grown <= MiB(32) + slack;
  })) << run->usage().held.mib();
  child.next();  // the fork's end
  EXPECT_EQ(child.end(), 0);
}

// Forks come and go beside a worker: no figure moves but theirs.
TEST_P(Domain, AWorkersFigureDoesNotDependOnItsSiblings) {
  const auto run = open();
  const auto zygote = worker(*run, "zygote");
  std::vector<std::unique_ptr<WorkerDomain>> workers;
  for (const char* name : {"w0", "w1", "w2", "w3"}) workers.push_back(worker(*run, name));
  Child child(*zygote, [&](Talk& talk) {
    talk.tell();
    talk.wait();
    const Block block(MiB(64));
    talk.tell();
    for (const auto& domain : workers) {
      talk.wait();
      const pid_t pid = ::fork();
      if (pid == 0) {
        for (const std::string& file : domain->join_files()) {
          if (!write_text(file, "0\n")) ::_exit(99);
        }
        const Block own(MiB(8));
        talk.tell(::getpid());
        while (true) ::pause();
      }
    }
    while (true) ::pause();
  });
  child.hear();
  const Bytes bare = zygote->usage().held;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr Bytes kSanitizer = MiB(8);  // what it writes into a zygote's memory at each fork
#else
  constexpr Bytes kSanitizer{};
#endif
  const Bytes slack = MiB(4) + bare.scaled(0.5) + kSanitizer;
  child.next();
  const auto check = [&](std::size_t alive, const std::string& when) {
    const auto near = [&](Bytes figure, Bytes expected) {
      return figure + slack >= expected && figure <= expected + slack + slack;
    };
    for (int round = 0; round < 20; ++round) {  // at every moment, not only when walks are done
      Bytes parts = zygote->usage().held;
      EXPECT_TRUE(near(parts, bare + MiB(64))) << when << ": " << parts.mib();
      for (std::size_t i = 0; i < alive; ++i) {
        const Bytes held = workers[i]->usage().held;
        EXPECT_TRUE(near(held, MiB(8))) << when << ", " << i << ": " << held.mib();
        parts += held;
      }
      // Against the sum of the parts: what a sanitizer adds to each process would add up.
      EXPECT_TRUE(near(run->usage().held, parts)) << when << ": " << run->usage().held.mib() << " of " << parts.mib();
      ::usleep(1000);
    }
  };
  for (std::size_t i = 0; i < workers.size(); ++i) {
    workers[i]->adopt(static_cast<pid_t>(child.next()));
    check(i + 1, "after a fork");
  }
  for (std::size_t alive = workers.size(); alive-- > 1;) {
    EXPECT_TRUE(workers[alive]->kill_all());
    check(alive, "after an end");
  }
}

TEST_P(Domain, PageCacheIsNotHeld) {
  const fs::path file = fs::path(::testing::TempDir()) / ("page-cache." + std::to_string(::getpid()));
  struct statfs about {};
  ASSERT_EQ(::statfs(::testing::TempDir().c_str(), &about), 0);
  constexpr decltype(about.f_type) kTmpfs = 0x01021994, kRamfs = 0x858458f6;
  if (about.f_type == kTmpfs || about.f_type == kRamfs) {
    GTEST_SKIP() << "the temporary directory is memory, not a disk: " << ::testing::TempDir();
  }
  const auto run = open();
  const auto w0 = worker(*run);
  Child child(*w0, [&](Talk& talk) {
    talk.tell();
    talk.wait();
    const Descriptor fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const std::string part(1 << 20, 'p');
    for (int i = 0; i < 64; ++i) {
      if (::write(fd.get(), part.data(), part.size()) != static_cast<ssize_t>(part.size())) ::_exit(1);
    }
    ::fsync(fd.get());
    // Read twice: the kernel then takes the pages for more worth keeping, but can drop them all the same.
    std::string again(1 << 20, ' ');
    for (int i = 0; i < 128; ++i) {
      if (::pread(fd.get(), again.data(), again.size(), (i % 64) * (1 << 20)) <= 0) ::_exit(2);
    }
    talk.tell();
    talk.wait();
  });
  child.hear();
  const Bytes before = w0->usage().held;
  child.next();
  const Usage now = w0->usage();
  fs::remove(file);
  EXPECT_LE(now.held - before, MiB(12)) << "64 MiB were written and read";
  if (run->enforces()) {
    EXPECT_GE(now.peak, MiB(60)) << "the file was charged here, or this test shows nothing";
  }
}

TEST_P(Domain, TheKernelKeepsTheRunBelowItsBudgetAndItsKillIsCountedWhereItHappened) {
  const auto run = open(MiB(96));
  if (!run->enforces()) GTEST_SKIP() << "this kind does not enforce; see HowFarSamplingLetsARunOvershoot";
  auto victim = worker(*run, "victim");
  const auto other = worker(*run, "other");
  Child bystander(*other, [](Talk& talk) {
    talk.tell();
    talk.wait();
  });
  bystander.hear();
  Child child(*victim, [](Talk&) { const Block block(MiB(200)); });
  const int status = child.end();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  // Not "one": where a worker is killed as a whole (v2), the kernel counts its victim a second time.
  const std::uint64_t kills = victim->usage().oom_kills;
  EXPECT_GE(kills, 1u);
  EXPECT_EQ(other->usage().oom_kills, 0u);
  EXPECT_EQ(run->usage().oom_kills, kills);
  EXPECT_LE(run->usage().peak, MiB(96));
  EXPECT_GE(run->usage().peak, MiB(90));
  victim.reset();
  EXPECT_EQ(run->usage().oom_kills, kills) << "a run remembers the kills of workers that are gone";
  bystander.go();
  EXPECT_EQ(bystander.end(), 0);
}

TEST_P(Domain, WorkersHaveALimitOfTheirOwnAndTheSessionStandsOutsideIt) {
  const auto run = open(MiB(160));
  if (!run->enforces()) GTEST_SKIP() << "this kind does not enforce";
  auto made = run->make_session();
  ASSERT_TRUE(made) << made.error().text();
  const auto session = std::move(*made);
  EXPECT_FALSE(run->make_session()) << "a run has one";
  ASSERT_TRUE(run->limit_workers(MiB(64)));
  Child holder(*session, [](Talk& talk) {
    const Block block(MiB(70));  // more than the workers may, less than the run
    talk.tell();
    talk.wait();
    const Block more(MiB(10));
  });
  holder.hear();
  EXPECT_GE(session->usage().held, MiB(70));
  const auto victim = worker(*run, "victim");
  Child child(*victim, [](Talk&) { const Block block(MiB(80)); });
  const int status = child.end();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  EXPECT_GE(victim->usage().oom_kills, 1u);
  EXPECT_EQ(session->usage().oom_kills, 0u);
  ASSERT_TRUE(run->limit_workers(MiB(120)));
  const auto next = worker(*run, "next");
  Child fits(*next, [](Talk&) { const Block block(MiB(70)); });
  EXPECT_EQ(fits.end(), 0) << "a limit can be raised again";
  holder.go();
  EXPECT_EQ(holder.end(), 0);
}

TEST_P(Domain, APeakStartsAnewWhereTheKindCanDoThat) {
  const auto run = open();
  const auto w0 = worker(*run);
  const auto file = w0->resettable_peak_file();
  if (!file) GTEST_SKIP() << "this kind, or this kernel, cannot";
  const Descriptor peak(::open(file->c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(peak);
  const auto read = [&] {
    std::array<char, 64> text{};
    const ssize_t got = ::pread(peak.get(), text.data(), text.size(), 0);
    return Bytes{
        parse_number(std::string_view(text.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)))).value_or(0)};
  };
  Child child(*w0, [](Talk& talk) {
    { const Block block(MiB(64)); }
    talk.tell();
    talk.wait();
    { const Block block(MiB(32)); }
    talk.tell();
    talk.wait();
  });
  child.hear();
  EXPECT_GE(read(), MiB(64));
  ASSERT_EQ(::write(peak.get(), "0\n", 2), 2);
  EXPECT_LE(read(), MiB(24));
  child.next();
  EXPECT_GE(read(), MiB(32));
  EXPECT_LE(read(), MiB(56));
}

TEST_P(Domain, TakesNamesOfDirectoriesOnlyAndEachOnce) {
  const auto run = open();
  for (const char* name : {"", "a/b", "..", "a b", "\n", "w.0"}) {
    const auto made = run->make_worker(name);
    ASSERT_FALSE(made) << name;
    EXPECT_THAT(made.error().text(), HasSubstr("letters, digits, '_' and '-'"));
  }
  auto w0 = worker(*run, "w-0_A");
  const auto again = run->make_worker("w-0_A");
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().text(), HasSubstr("already"));
  w0.reset();
  EXPECT_TRUE(run->make_worker("w-0_A")) << "free again after it is gone";
}

TEST_P(Domain, RefusesARunIdThatIsNoName) {
  for (const char* id : {"", "a/b", "..", "a.b", "a b"}) {
    const auto opened = open_domain({id, MiB(64), GetParam()});
    ASSERT_FALSE(opened) << id;
    EXPECT_THAT(opened.error().text(), HasSubstr("a run id may hold"));
  }
}

TEST_P(Domain, TwoRunsDoNotSeeEachOther) {
  const auto first = open(MiB(128), "first");
  const auto second = open(MiB(128), "second");
  const auto w1 = worker(*first);
  auto w2 = worker(*second);
  const auto body = [](Talk& talk) {
    const Block block(MiB(48));
    talk.tell();
    while (true) ::pause();
  };
  Child one(*w1, body);
  Child two(*w2, body);
  one.hear();
  two.hear();
  EXPECT_THAT(w1->processes(), ::testing::ElementsAre(one.pid()));
  EXPECT_THAT(w2->processes(), ::testing::ElementsAre(two.pid()));
  EXPECT_GE(first->usage().held, MiB(47));
  EXPECT_LE(first->usage().held, MiB(95)) << "both; a sanitizer has some itself";
  w2.reset();
  EXPECT_TRUE(soon([&] { return !lives(two.pid()); }));
  EXPECT_TRUE(lives(one.pid()));
}

TEST_P(Domain, PressureOfARunIsReadableOnV2) {
  if (GetParam() != DomainKind::cgroup_v2) GTEST_SKIP() << "v2 only";
  if (std::getenv("FITTEST_TEST_VM") == nullptr)
    GTEST_SKIP() << "a machine may run without psi=1; the virtual one does not";
  const auto run = open();
  const auto text = read_text(run->cgroup_directories().front() / "memory.pressure");
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("some avg10="));
  EXPECT_THAT(*text, HasSubstr("full avg10="));
}

TEST_P(Domain, SaysWhatItCannotDo) {
  const auto run = open();
  EXPECT_EQ(run->kind(), GetParam());
  EXPECT_EQ(run->enforces(), GetParam() != DomainKind::proc);
  for (const std::string& line : run->shortcomings()) {
    EXPECT_FALSE(line.empty());
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
  }
  EXPECT_TRUE(run->enforces() || !run->shortcomings().empty());
}

}  // namespace
}  // namespace fittest::memory
