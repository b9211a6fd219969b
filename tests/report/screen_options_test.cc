#include <gtest/gtest.h>
#include <pty.h>
#include <stdlib.h>
#include <unistd.h>

#include <map>
#include <string>

#include "core/descriptor.h"
#include "report/screen.h"

namespace fittest::report {
namespace {

constexpr std::array kHeard = {"NO_COLOR", "CI", "TERM", "PY_COLORS", "FORCE_COLOR", "COLUMNS"};

// A terminal of 123 columns, and an environment of which only what a test sets is there.
class ScreenOptionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kHeard) {
      if (const char* value = ::getenv(name)) before_[name] = value;
      ::unsetenv(name);
    }
    winsize size{};
    size.ws_col = 123;
    size.ws_row = 24;
    int master = -1;
    int slave = -1;
    ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, &size), 0);
    master_ = Descriptor(master);
    terminal_ = Descriptor(slave);
    ASSERT_EQ(::pipe(pipe_), 0);
    reader_ = Descriptor(pipe_[0]);
    writer_ = Descriptor(pipe_[1]);
    ::setenv("TERM", "xterm", 1);
  }
  void TearDown() override {
    for (const char* name : kHeard) ::unsetenv(name);
    for (const auto& [name, value] : before_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  [[nodiscard]] ScreenOptions on_terminal(std::string_view flag) const { return screen_options(flag, terminal_.get()); }
  [[nodiscard]] ScreenOptions on_pipe(std::string_view flag) const { return screen_options(flag, writer_.get()); }

 private:
  std::map<std::string, std::string> before_;
  int pipe_[2] = {};
  Descriptor master_, terminal_, reader_, writer_;
};

TEST_F(ScreenOptionsTest, TerminalHasColoursProgressAndItsWidth) {
  const ScreenOptions options = on_terminal("auto");
  EXPECT_TRUE(options.terminal);
  EXPECT_TRUE(options.color);
  EXPECT_EQ(options.columns, 123U);
}

TEST_F(ScreenOptionsTest, PipeHasNeither) {
  const ScreenOptions options = on_pipe("auto");
  EXPECT_FALSE(options.terminal);
  EXPECT_FALSE(options.color);
  EXPECT_EQ(options.columns, 80U);
}

TEST_F(ScreenOptionsTest, FlagWinsOverEverything) {
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_TRUE(on_pipe("yes").color);
  EXPECT_FALSE(on_pipe("yes").terminal);
  ::unsetenv("NO_COLOR");
  ::setenv("FORCE_COLOR", "1", 1);
  EXPECT_FALSE(on_terminal("no").color);
  EXPECT_TRUE(on_terminal("no").terminal);
}

TEST_F(ScreenOptionsTest, NoColorCountsWhenItIsNotEmpty) {
  ::setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(on_terminal("auto").color);
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(on_terminal("auto").color);
  EXPECT_TRUE(on_terminal("auto").terminal);
}

TEST_F(ScreenOptionsTest, HearsWhatPytestHears) {
  ::setenv("FORCE_COLOR", "1", 1);
  EXPECT_TRUE(on_pipe("auto").color);
  ::setenv("PY_COLORS", "0", 1);
  EXPECT_FALSE(on_pipe("auto").color);
  ::setenv("NO_COLOR", "1", 1);
  ::setenv("PY_COLORS", "1", 1);
  EXPECT_TRUE(on_pipe("auto").color);
}

TEST_F(ScreenOptionsTest, InCiNobodyWatchesTheProgressLine) {
  ::setenv("CI", "true", 1);
  EXPECT_FALSE(on_terminal("auto").terminal);
  EXPECT_TRUE(on_terminal("auto").color);
  ::setenv("CI", "false", 1);
  EXPECT_TRUE(on_terminal("auto").terminal);
}

TEST_F(ScreenOptionsTest, DumbTerminalIsTreatedAsNone) {
  for (const char* term : {"dumb", ""}) {
    ::setenv("TERM", term, 1);
    EXPECT_FALSE(on_terminal("auto").terminal);
    EXPECT_FALSE(on_terminal("auto").color);
  }
}

TEST_F(ScreenOptionsTest, ColumnsCountWithoutATerminal) {
  ::setenv("COLUMNS", "100", 1);
  EXPECT_EQ(on_pipe("auto").columns, 100U);
  EXPECT_EQ(on_terminal("auto").columns, 123U);
  for (const char* garbage : {"0", "-3", "x", "99999999999", ""}) {
    ::setenv("COLUMNS", garbage, 1);
    EXPECT_EQ(on_pipe("auto").columns, 80U) << garbage;
  }
}

}  // namespace
}  // namespace fittest::report
