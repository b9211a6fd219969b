// kill -9 in the middle of recording, and runs at the same time.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <csignal>
#include <cstdio>
#include <random>

#include "fixture.h"

namespace fittest::history {
namespace {

using testing::IsEmpty;

constexpr int kBatch = 25;

class CrashTest : public InFolder {
 protected:
  static std::string id_of(int run, int batch, int i) { return fmt::format("f{}.py::r{}_{}", batch, run, i); }

  // Records batch after batch, and says each time that `record` has returned. Never returns.
  [[noreturn]] void record_until_killed(int run, int pipe) const {
    auto store = Store::open(file());
    const auto number = store.begin_run("pytest", fmt::format("run {}", run));
    for (int batch = 0;; ++batch) {
      std::vector<Outcome> results;
      for (int i = 0; i < kBatch; ++i) {
        results.push_back(outcome(id_of(run, batch, i), MiB(1)));
        results.push_back(outcome(fmt::format("shared.py::test_{}", i), MiB(1)));
      }
      store.record(number, results);
      const char done = '.';
      if (::write(pipe, &done, 1) != 1) ::_exit(0);
    }
  }

  [[nodiscard]] std::string integrity() const {
    sqlite3* database = nullptr;
    sqlite3_stmt* statement = nullptr;
    sqlite3_open(file().c_str(), &database);
    sqlite3_prepare_v2(database, "PRAGMA integrity_check", -1, &statement, nullptr);
    std::string answer = "no answer";
    if (sqlite3_step(statement) == SQLITE_ROW)
      answer = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return answer;
  }
};

TEST_F(CrashTest, AKillAtAnyMomentLosesNothingThatWasRecorded) {
  std::mt19937_64 random(7);
  for (int run = 0; run < 40; ++run) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      record_until_killed(run, ends[1]);
    }
    ::close(ends[1]);
    // Killed after some batches, at a moment that differs by a little work of our own; now and then while opening.
    int heard = 0;
    char done = 0;
    for (const auto wanted = static_cast<int>(random() % 12); heard < wanted && ::read(ends[0], &done, 1) == 1;)
      ++heard;
    volatile std::uint64_t idle = 0;
    for (std::uint64_t n = random() % 300'000; n > 0; --n) idle = idle + n;
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (::read(ends[0], &done, 1) == 1) ++heard;
    ::close(ends[0]);

    auto store = Store::open(file());
    ASSERT_THAT(store.notices(), IsEmpty());
    ASSERT_EQ(integrity(), "ok");
    std::vector<std::string> recorded;
    std::vector<std::string> in_doubt;
    for (int i = 0; i < kBatch; ++i) {
      for (int batch = 0; batch < heard; ++batch) recorded.push_back(id_of(run, batch, i));
      in_doubt.push_back(id_of(run, heard, i));
    }
    for (const auto& prediction : store.predict("pytest", recorded)) ASSERT_TRUE(prediction.known);
    // The batch whose end was not heard of is there as a whole, or not at all.
    const auto last = store.predict("pytest", in_doubt);
    EXPECT_EQ(std::ranges::count(last, last[0].known, &plan::Prediction::known), kBatch);
  }
}

// The first thing several runs do at once is to make the tables. Each must see none of them, or all.
TEST_F(CrashTest, RunsThatBeginAtTheSameTimeMakeOneHistory) {
  constexpr std::size_t kProcesses = 4;
  for (int round = 0; round < 40; ++round) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    std::array<int, 2> gate{};
    ASSERT_EQ(::pipe(gate.data()), 0);
    std::array<pid_t, kProcesses> children{};
    for (std::size_t child = 0; child < kProcesses; ++child) {
      children[child] = ::fork();
      if (children[child] != 0) continue;
      // All of them wait until the parent's end is closed.
      ::close(gate[1]);
      char none = 0;
      if (::read(gate[0], &none, 1) != 0) ::_exit(2);
      bool wrong = false;
      {
        auto store = Store::open(file());
        one_run(store, fmt::format("run {}", child), {outcome(id_of(static_cast<int>(child), 0, 0), MiB(1))});
        for (const auto& notice : store.notices()) std::fprintf(stderr, "%s\n", notice.c_str());
        wrong = !store.notices().empty();
      }
      ::_exit(wrong ? 1 : 0);
    }
    ::close(gate[0]);
    ::close(gate[1]);
    for (const pid_t child : children) {
      int status = 1;
      ::waitpid(child, &status, 0);
      ASSERT_EQ(status, 0);
    }
    ASSERT_EQ(Store::open(file()).all("pytest").size(), kProcesses);
  }
}

TEST_F(CrashTest, RunsAtTheSameTimeLoseNothing) {
  constexpr int kProcesses = 3;
  constexpr int kBatches = 60;
  std::array<pid_t, kProcesses> children{};
  for (int child = 0; child < kProcesses; ++child) {
    children[static_cast<std::size_t>(child)] = ::fork();
    if (children[static_cast<std::size_t>(child)] != 0) continue;
    int wrong = 0;
    {
      // Opening is part of it: the tables are made by one of them.
      auto store = Store::open(file());
      const auto run = store.begin_run("pytest", fmt::format("run {}", child));
      for (int batch = 0; batch < kBatches; ++batch) {
        std::vector<Outcome> results;
        for (int i = 0; i < kBatch; ++i) results.push_back(outcome(id_of(child, batch, i), MiB(1)));
        results.push_back(outcome(fmt::format("shared.py::test_{}", batch), MiB(1)));
        store.record(run, results);
        wrong += store.predict("pytest", {id_of(child, batch, 0)})[0].known ? 0 : 1;
      }
      store.end_run(run);
      for (const auto& notice : store.notices()) std::fprintf(stderr, "%s\n", notice.c_str());
      wrong += store.notices().empty() ? 0 : 1;
    }
    ::_exit(wrong == 0 ? 0 : 1);
  }
  for (const pid_t child : children) {
    int status = 1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(integrity(), "ok");
  auto store = Store::open(file());
  EXPECT_THAT(store.notices(), IsEmpty());
  const auto known = store.all("pytest");
  EXPECT_EQ(known.size(), static_cast<std::size_t>(kProcesses * kBatches * kBatch + kBatches));
  for (const Known& test : known) EXPECT_EQ(test.runs, test.id.starts_with("shared") ? kProcesses : 1U);
}

}  // namespace
}  // namespace fittest::history
