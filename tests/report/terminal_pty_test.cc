// The same stories on a real pseudoterminal, whose bytes a model of a screen turns into what a person would see.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "core/descriptor.h"
#include "report/terminal.h"
#include "screen_model.h"
#include "stories.h"

namespace fittest::report {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// What arrives at the other end of a terminal on which a story is played in a process of its own.
std::string on_a_pty(const Story& story, unsigned short columns, const char* color_flag) {
  winsize size{};
  size.ws_col = columns;
  size.ws_row = 24;
  int master = -1;
  const pid_t child = ::forkpty(&master, nullptr, nullptr, &size);
  if (child < 0) throw std::runtime_error("forkpty");
  if (child == 0) {
    ::setenv("TERM", "xterm-256color", 1);
    ::unsetenv("CI");
    ::unsetenv("NO_COLOR");
    const ScreenOptions options = screen_options(color_flag, STDOUT_FILENO);
    if (!options.terminal || options.columns != columns) ::_exit(3);
    {
      Screen screen(STDOUT_FILENO, options);
      play(story, screen);
    }
    ::_exit(0);
  }
  const Descriptor reader(master);
  std::string bytes;
  std::array<char, 4096> buffer{};
  // EIO: the other end is closed. Linux can say so between the last writes and their arrival; it is the end only when
  // nothing comes after it.
  int closed = 0;
  while (closed < 2) {
    const ssize_t got = ::read(reader.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    closed = got <= 0 ? closed + 1 : 0;
    if (got > 0) bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  return bytes;
}

std::vector<std::string> shown(std::string_view bytes, unsigned short columns) {
  ScreenModel model(columns, 24, ScreenModel::Newline::moves_down_only);
  model.feed(bytes);
  EXPECT_EQ(model.unknown(), "");
  return model.text();
}

class OnAPty : public ::testing::TestWithParam<std::pair<unsigned short, const char*>> {};

TEST_P(OnAPty, LeavesNoDebris) {
  const auto [columns, color] = GetParam();
  for (const Story& story : {quiet_story(), stormy_story(), stopped_story()}) {
    const std::vector<std::string> rows = shown(on_a_pty(story, columns, color), columns);
    EXPECT_THAT(rows, Each(Not(StartsWith("fittest  "))));
    EXPECT_THAT(rows, Each(Not(HasSubstr("[##"))));
  }
}

TEST_P(OnAPty, ProgressLineIsTheLastWhileItRuns) {
  const auto [columns, color] = GetParam();
  const std::string bytes = on_a_pty(quiet_story(), columns, color);
  // The last frame before the summary, as a person sees it.
  const std::size_t finished = bytes.find("20 passed in");
  ASSERT_NE(finished, std::string::npos);
  const std::size_t end = bytes.rfind("/20", finished);
  const std::vector<std::string> rows = shown(bytes.substr(0, bytes.find('\x1b', bytes.find("GiB", end))), columns);
  ASSERT_FALSE(rows.empty());
  EXPECT_THAT(rows.back(), HasSubstr("/20"));
  EXPECT_THAT(rows.back(), HasSubstr("/4.0 GiB"));
}

TEST_P(OnAPty, RowOfDotsStaysWhole) {
  const auto [columns, color] = GetParam();
  const std::vector<std::string> rows = shown(on_a_pty(stormy_story(), columns, color), columns);
  EXPECT_THAT(rows, Contains(StartsWith("tests/test_fast.py ....F")));
}

INSTANTIATE_TEST_SUITE_P(Widths, OnAPty,
                         ::testing::Values(std::pair{80, "auto"}, std::pair{80, "no"}, std::pair{100, "yes"},
                                           std::pair{53, "auto"}),
                         [](const auto& one) { return fmt::format("{}_{}", one.param.first, one.param.second); });

}  // namespace
}  // namespace fittest::report
