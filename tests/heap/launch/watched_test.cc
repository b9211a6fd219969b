#include "heap/launch/watched.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace fittest::heap {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
  std::string line() {
    std::string out;
    char c = 0;
    while (::read(read.get(), &c, 1) == 1 && c != '\n') out += c;
    return out;
  }
  Descriptor read, write;
};

LaunchOrder shell(const std::string& text, Pipe& pipe) {
  return {{"sh", "-c", text}, {}, {}, pipe.write.get(), {}};
}

TEST(Watched, ItsExitCodeIsKnown) {
  Pipe pipe;
  auto watched = Watched::start(shell("exit 7", pipe));
  ASSERT_TRUE(watched);
  while (!watched->wait(-1)) {
  }
  EXPECT_EQ(watched->status().code(), 7);
  EXPECT_GT(watched->resident(), 0U);
}

TEST(Watched, SignalsArePassedOn) {
  Pipe pipe;
  auto watched = Watched::start(shell("trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.05; done", pipe));
  ASSERT_TRUE(watched);
  EXPECT_EQ(pipe.line(), "ready");
  ::kill(::getpid(), SIGTERM);
  while (!watched->wait(-1)) {
  }
  EXPECT_EQ(pipe.line(), "got");
  EXPECT_EQ(watched->status().code(), 5);
}

TEST(Watched, DeathBySignal) {
  Pipe pipe;
  auto watched = Watched::start(shell("kill -KILL $$", pipe));
  ASSERT_TRUE(watched);
  while (!watched->wait(-1)) {
  }
  EXPECT_EQ(watched->status().signal(), SIGKILL);
  EXPECT_EQ(watched->status().code(), 137);
}

TEST(Watched, TheEnvironmentIsAsOrdered) {
  ::setenv("WATCHED_A", "before", 1);
  ::setenv("WATCHED_B", "before", 1);
  Pipe pipe;
  LaunchOrder order = shell("echo \"$WATCHED_A,${WATCHED_B-none},$WATCHED_C\"", pipe);
  order.environment = {"WATCHED_A=a", "WATCHED_C=c=d"};
  order.without = {"WATCHED_B"};
  auto watched = Watched::start(order);
  ASSERT_TRUE(watched);
  EXPECT_EQ(pipe.line(), "a,none,c=d");
  while (!watched->wait(-1)) {
  }
}

TEST(Watched, TheSignalsOfTheProgramAreAsEver) {
  Pipe pipe;
  std::signal(SIGPIPE, SIG_IGN);
  auto watched = Watched::start(shell("grep -E 'SigBlk|SigIgn' /proc/self/status | tr '\\n' ' '; echo", pipe));
  ASSERT_TRUE(watched);
  EXPECT_EQ(pipe.line(), "SigBlk:\t0000000000000000 SigIgn:\t0000000000000000 ");
  while (!watched->wait(-1)) {
  }
}

TEST(Watched, WhatCannotBeExecutedIsSaid) {
  const auto watched = Watched::start({{"/"}, {}, {}, {}, {}});
  ASSERT_FALSE(watched);
  EXPECT_THAT(watched.error().text(), ::testing::HasSubstr("/: cannot be executed"));
}

TEST(Watched, WaitEndsWhenSomethingCanBeRead) {
  Pipe pipe;
  auto watched = Watched::start(shell("echo x; exec sleep 600", pipe));
  ASSERT_TRUE(watched);
  EXPECT_FALSE(watched->wait(-1, {pipe.read.get()}));
  EXPECT_EQ(pipe.line(), "x");
  ::kill(watched->pid(), SIGKILL);
  while (!watched->wait(-1)) {
  }
}

}  // namespace
}  // namespace fittest::heap
