// What domains cost, and how far the kind without the kernel's help lets a run go. The figures are printed, and kept in
// docs/memory-domains.md; what is asserted are orders, never times.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "domain_fixture.h"

namespace fittest::memory {
namespace {

using std::chrono::steady_clock;

double microseconds(steady_clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

double median(std::vector<double> figures) {
  std::nth_element(figures.begin(), figures.begin() + static_cast<std::ptrdiff_t>(figures.size() / 2), figures.end());
  return figures[figures.size() / 2];
}

std::string numbered(std::string name, int number) {
  name += std::to_string(number);  // not "a" + ...: GCC 12 warns of an overlap that cannot be
  return name;
}

class DomainCost : public DomainTest {};
INSTANTIATE_TEST_SUITE_P(Kinds, DomainCost, ::testing::ValuesIn(kinds_here()),
                         [](const auto& kind) { return test_name(kind.param); });

TEST_P(DomainCost, ManyWorkersAreMadeAndRemovedOneAfterTheOther) {
  const auto run = open();
  std::vector<double> empty_ones;
  for (int i = 0; i < 300; ++i) {
    const auto start = steady_clock::now();
    worker(*run, numbered("w", i));
    empty_ones.push_back(microseconds(steady_clock::now() - start));
  }
  std::vector<double> ended_ones;
  std::vector<double> living_ones;
  for (int i = 0; i < 40; ++i) {
    auto w = worker(*run, numbered("x", i));
    Child child(*w, [](Talk& talk) {
      const Block block(MiB(1));
      talk.tell();
      talk.wait();
    });
    child.hear();
    (void)w->usage();
    if (i % 2 == 0) {
      child.go();
      child.end();
    }
    const auto start = steady_clock::now();
    w.reset();
    (i % 2 == 0 ? ended_ones : living_ones).push_back(microseconds(steady_clock::now() - start));
  }
  std::printf("  %s: made and removed %.0f us; removed after its process ended %.0f us, with one living %.0f us\n",
              test_name(GetParam()).c_str(), median(empty_ones), median(ended_ones), median(living_ones));
  for (const auto& directory : run->cgroup_directories()) {
    std::size_t left = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      left += entry.is_directory() && entry.path().filename() != "workers" ? 1 : 0;
    }
    EXPECT_EQ(left, 0u) << directory;
  }
}

TEST_P(DomainCost, ManyWorkersAtOnce) {
  const auto run = open();
  std::vector<std::unique_ptr<WorkerDomain>> workers;
  std::vector<Child> children;
  for (int i = 0; i < 64; ++i) {
    workers.push_back(worker(*run, numbered("w", i)));
    children.emplace_back(*workers.back(), [](Talk& talk) {
      talk.tell();
      while (true) ::pause();
    });
    children.back().hear();
  }
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const auto pids = workers[i]->processes();
    EXPECT_EQ(pids, std::vector<pid_t>{children[i].pid()});
  }
  workers.clear();
  for (Child& child : children) EXPECT_TRUE(soon([&] { return !lives(child.pid()); }));
}

TEST_P(DomainCost, AskingForUsageIsCheap) {
  const auto run = open();
  constexpr int kWorkers = 8, kRounds = 100;
  std::vector<std::unique_ptr<WorkerDomain>> workers;
  std::vector<Child> children;
  for (int i = 0; i < kWorkers; ++i) {
    workers.push_back(worker(*run, numbered("w", i)));
    children.emplace_back(*workers.back(), [](Talk& talk) {
      const Block block(MiB(16));
      talk.tell();
      while (true) ::pause();
    });
    children.back().hear();
  }
  // As a run does: all workers in a row, then a nap.
  std::vector<double> rounds;
  for (int i = 0; i < kRounds; ++i) {
    const auto start = steady_clock::now();
    for (const auto& w : workers) EXPECT_GE(w->usage().held, MiB(15));
    rounds.push_back(microseconds(steady_clock::now() - start));
    ::usleep(5000);
  }
  std::printf("  %s: usage of one worker %.1f us (of %d asked in a row)\n", test_name(GetParam()).c_str(),
              median(rounds) / kWorkers, kWorkers);
}

// A process that takes memory as fast as it can, a supervisor that looks 50 times a second and kills at the budget.
TEST_P(DomainCost, HowFarSamplingLetsARunOvershoot) {
  constexpr Bytes kBudget = MiB(256);
  const auto run = open(kBudget);
  const auto w0 = worker(*run);
  const Counter touched;  // MiB
  Child child(*w0, [&](Talk& talk) {
    talk.tell();
    talk.wait();
    for (int i = 0; i < 2048; ++i) {
      new Block(MiB(1));
      touched.add();
    }
    while (true) ::pause();
  });
  child.hear();
  const Bytes bare = run->usage().held;
  child.go();
  Bytes seen;
  int looks = 0;
  while (true) {
    const Usage now = run->usage();
    seen = std::max(seen, now.held);
    if (seen >= kBudget || now.oom_kills > 0) break;
    ASSERT_LT(++looks, 1500) << "seen: " << seen.mib() << " MiB, taken: " << touched.read();
    ::usleep(20'000);
  }
  EXPECT_TRUE(w0->kill_all());
  child.end();
  const Bytes taken = MiB(touched.read());
  std::printf("  %s: budget %.0f MiB, killed when %.0f MiB were seen, had taken %.0f MiB\n",
              test_name(GetParam()).c_str(), kBudget.mib(), seen.mib(), taken.mib());
  if (run->enforces()) {
    EXPECT_LE(run->usage().peak, kBudget);
  } else {
    EXPECT_GE(taken, seen - bare - MiB(16)) << "nothing is seen that was not taken";
    EXPECT_LT(taken, MiB(2048)) << "it was stopped, it did not end by itself";
  }
}

}  // namespace
}  // namespace fittest::memory
