#include "run/child_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>

#include "folder.h"

namespace fittest::run {
namespace {

class ChildRunnerTest : public InFolder {
 protected:
  // What a shell makes of it; $0 is the test's folder.
  Result<ChildEnd> run(const std::string& script, std::optional<Seconds> timeout = std::nullopt) {
    suite::ProcessOrder order;
    order.command = {"sh", "-c", script, folder_.string()};
    return runner_.run(std::move(order), timeout);
  }
  static bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD; }

  ChildRunner runner_{{.first = 0.2, .second = 0.2}};
};

TEST_F(ChildRunnerTest, TellsHowTheChildEnded) {
  const auto end = run("exit 3");
  ASSERT_TRUE(end) << end.error().text();
  EXPECT_EQ(end->status.code(), 3);
  EXPECT_FALSE(end->status.by_signal() || end->timed_out);
  EXPECT_GT(end->took, 0);
  EXPECT_FALSE(runner_.interrupted());
}

TEST_F(ChildRunnerTest, OneCannotBeStartedAndTheNextCan) {
  suite::ProcessOrder order;
  order.command = {"/nowhere/fittest"};
  const auto end = runner_.run(order, 10);
  ASSERT_FALSE(end);
  EXPECT_THAT(end.error().text(), testing::HasSubstr("/nowhere/fittest"));
  EXPECT_EQ(run("exit 0")->status.code(), 0);
}

TEST_F(ChildRunnerTest, TheChildHasASessionOfItsOwn) {
  EXPECT_EQ(run("test \"$(cut -d' ' -f6 /proc/$$/stat)\" = $$")->status.code(), 0);
}

TEST_F(ChildRunnerTest, OneThatIsKilledIsWaitedForWithAllItLeaves) {
  // The remains end by themselves, a little after it, as what a guard kills does.
  const auto end = run("p=$$; (while kill -0 $p 2>/dev/null; do :; done; echo > $0/ended) & kill -9 $p");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->status.signal(), SIGKILL);
  EXPECT_FALSE(end->timed_out);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "ended"));
  EXPECT_FALSE(has_children());
}

TEST_F(ChildRunnerTest, OneThatTakesTooLongIsInterrupted) {
  const auto end = run("trap 'exit 2' INT; while :; do sleep 0.01; done", 1);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->timed_out);
  EXPECT_EQ(end->status.code(), 2);
  EXPECT_FALSE(runner_.interrupted()) << "that is the user's";
}

TEST_F(ChildRunnerTest, OneThatDoesNotHearIsInterruptedAgain) {
  const auto end = run("n=0; trap 'n=$((n+1)); [ $n = 2 ] && exit 7' INT; while :; do sleep 0.01; done", 1);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->timed_out);
  EXPECT_EQ(end->status.code(), 7);
}

TEST_F(ChildRunnerTest, OneThatNeverHearsIsKilled) {
  const auto end = run("trap '' INT; while :; do sleep 0.01; done", 1);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->timed_out);
  EXPECT_EQ(end->status.signal(), SIGKILL);
  EXPECT_FALSE(has_children());
}

TEST_F(ChildRunnerTest, ATimeoutThatWasNotNeededIsForgotten) {
  EXPECT_FALSE(run("exit 0", 0.5)->timed_out);
  const auto end = run("trap 'exit 9' INT; sleep 0.1; sleep 0.1; sleep 0.1; sleep 0.1; sleep 0.1; sleep 0.1; exit 0");
  EXPECT_EQ(end->status.code(), 0);
}

TEST_F(ChildRunnerTest, CtrlCIsHandedOn) {
  for (const char* signal : {"INT", "TERM"}) {
    const auto end = run(std::string("trap 'exit 7' INT; kill -") + signal + " $PPID; while :; do sleep 0.01; done");
    ASSERT_TRUE(end);
    EXPECT_EQ(end->status.code(), 7) << signal;
    EXPECT_FALSE(end->timed_out);
    EXPECT_TRUE(runner_.interrupted());
  }
}

TEST_F(ChildRunnerTest, TheThirdCtrlCKills) {
  // Each one that is handed on makes it send the next.
  const auto end = run("trap 'echo >> $0/heard; kill -INT $PPID' INT; kill -INT $PPID; while :; do sleep 0.01; done");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->status.signal(), SIGKILL);
  EXPECT_EQ(text_of(folder_ / "heard"), "\n\n");
}

TEST_F(ChildRunnerTest, CtrlCBetweenTwoChildrenIsHeard) {
  EXPECT_EQ(run("exit 0")->status.code(), 0);
  ::raise(SIGINT);
  EXPECT_TRUE(runner_.interrupted());
}

}  // namespace
}  // namespace fittest::run
