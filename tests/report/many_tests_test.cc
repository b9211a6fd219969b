// What 100,000 tests cost the readers in memory: fittest as a whole is to stay under 40 MB.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "report/json_lines.h"
#include "report/junit.h"
#include "report/terminal.h"
#include "support/folder.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FITTEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FITTEST_SANITIZED 1
#endif
#endif

namespace fittest::report {
namespace {

constexpr TestIndex kTests = 100'000;

std::string id(TestIndex test) {
  return fmt::format("tests/unit/package_{}/test_module_{}.py::TestSomething::test_case[{}-{}]", test / 5000,
                     test / 200, test, "parameter");
}

// Kilobytes the process has had resident at most. Only in a process of its own is the figure that of one thing.
long peak_resident_kb() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  }
  return -1;
}

// Runs it in a child; what it says it took more than before, in kilobytes.
template <typename Work>
long growth_kb(const Work& work) {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    ::malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << 5;  // the highest so far is forgotten
    const long before = peak_resident_kb();
    const bool good = work();
    const long grown = good ? peak_resident_kb() - before : -1;
    ::_exit(::write(ends[1], &grown, sizeof grown) == sizeof grown ? 0 : 1);
  }
  ::close(ends[1]);
  long grown = -1;
  if (::read(ends[0], &grown, sizeof grown) != sizeof grown) grown = -1;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return grown;
}

class ManyTests : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef FITTEST_SANITIZED
    GTEST_SKIP() << "sanitizers take memory of their own";
#endif
  }
  Folder folder;
};

TEST_F(ManyTests, AllReadersTogetherStaySmall) {
  const long grown = growth_kb([&] {
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    Screen screen(nowhere, {.terminal = true});
    Terminal terminal(screen);
    auto lines = JsonLines::create(folder.path() / "events.jsonl");
    auto junit = JUnit::create(folder.path() / "junit.xml");
    if (!lines || !junit) return false;
    const auto tell = [&](const Event& event) {
      terminal.on(event);
      (*lines)->on(event);
      (*junit)->on(event);
    };
    tell({0, RunStarted{}});
    tell({0, Collected{kTests, "fork", "", 2, {}, 1}});
    for (TestIndex test = 0; test < kTests; ++test) {
      const bool fails = test % 20 == 0;
      tell({test * 0.01, TestStarted{WorkerId{0}, test, id(test)}});
      tell({test * 0.01, TestFinished{WorkerId{0},
                                      test,
                                      id(test),
                                      fails ? Verdict::failed : Verdict::passed,
                                      0.01,
                                      KiB(test),
                                      KiB(test % 3000),
                                      {},
                                      fails ? std::string(3000, 'x') : ""}});
      if (fails) screen.pass_through("F");
      screen.pass_through(test % 80 == 79 ? ".\n" : ".");
    }
    tell({kTests * 0.01, RunFinished{1, false, kTests * 0.01, GiB(1), 0, {}}});
    return !(*junit)->error();
  });
  RecordProperty("kilobytes", std::to_string(grown));
  ASSERT_GE(grown, 0);
  EXPECT_LT(grown, 6 * 1024);
}

TEST_F(ManyTests, AJournalReadBackIsItsVerdictsAndNotMuchMore) {
  const auto file = folder.path() / "events.jsonl";
  {
    auto lines = JsonLines::create(file);
    ASSERT_TRUE(lines);
    for (TestIndex test = 0; test < kTests; ++test) {
      (*lines)->on({test * 0.01, TestStarted{WorkerId{0}, test, id(test)}});
      (*lines)->on({test * 0.01, TestFinished{WorkerId{0},
                                              test,
                                              id(test),
                                              Verdict::passed,
                                              0.01,
                                              KiB(test),
                                              {},
                                              {},
                                              "not to be kept, for it passed: " + std::string(300, 'x')}});
    }
  }
  const long grown = growth_kb([&] {
    const auto journal = read_journal(file);
    return journal && journal->finished.size() == kTests;
  });
  RecordProperty("kilobytes", std::to_string(grown));
  ASSERT_GE(grown, 0);
  EXPECT_LT(grown, 49 * 1024);  // Journal itself, as its owner wants it; to be let go of early
}

}  // namespace
}  // namespace fittest::report
