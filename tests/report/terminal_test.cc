#include "report/terminal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "capture.h"
#include "report/summary.h"
#include "report/width.h"
#include "snapshot.h"
#include "stories.h"

namespace fittest::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The clock stands, so that no line is let out because time has passed.
std::string played(const Story& story, const ScreenOptions& options) {
  const Capture capture;
  {
    Screen screen(capture.fd(), options, [] { return 0.0; });
    play(story, screen);
  }
  return capture.bytes();
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string summary_of(const std::string& played) {
  return played.substr(played.rfind("\nfittest: ") + 1);
}

TEST(TerminalSnapshot, Plain) {
  EXPECT_TRUE(matches_snapshot("quiet-plain-80", played(quiet_story(), {})));
}

TEST(TerminalSnapshot, PlainWithTrouble) {
  EXPECT_TRUE(matches_snapshot("stormy-plain-80", played(stormy_story(), {})));
}

TEST(TerminalSnapshot, PlainWithTroubleIn40Columns) {
  EXPECT_TRUE(matches_snapshot("stormy-plain-40", played(stormy_story(), {.columns = 40})));
}

TEST(TerminalSnapshot, ColoursWithoutATerminal) {
  EXPECT_TRUE(matches_snapshot("stormy-color-80", played(stormy_story(), {.color = true})));
}

TEST(TerminalSnapshot, TerminalWithColours) {
  EXPECT_TRUE(matches_snapshot("quiet-terminal-80", played(quiet_story(), {.terminal = true, .color = true})));
}

TEST(TerminalSnapshot, Interrupted) {
  EXPECT_TRUE(matches_snapshot("stopped-80", played(stopped_story(), {})));
}

TEST(TerminalSnapshot, LongestSummary) {
  EXPECT_TRUE(matches_snapshot("crowded-80", summary_of(played(crowded_story(), {}))));
}

TEST(Terminal, NoColoursMeansNotOneEscape) {
  for (const Story& story : {quiet_story(), stopped_story(), crowded_story()}) {
    EXPECT_THAT(played(story, {}), Not(HasSubstr("\x1b")));
  }
}

TEST(Terminal, LinesFitTheColumns) {
  for (const unsigned columns : {40U, 60U, 80U, 132U}) {
    for (const Story& story : {stormy_story(), stopped_story(), crowded_story()}) {
      for (const std::string& line : lines_of(played(story, {.columns = columns}))) {
        if (line.find("===") != std::string::npos || line.find("[100%]") != std::string::npos) continue;
        EXPECT_LE(display_width(line), columns) << line;
      }
    }
  }
}

TEST(Terminal, SummaryIsShort) {
  for (const Story& story : {stormy_story(), stopped_story(), crowded_story()}) {
    EXPECT_LE(lines_of(summary_of(played(story, {}))).size(), kLongestSummary);
  }
}

TEST(Terminal, CountsEachTestByItsLastVerdict) {
  const Capture capture;
  {
    Screen screen(capture.fd(), {});
    Terminal terminal(screen);
    terminal.on({0, Collected{2, "fork", "", 1, {}, 0}});
    terminal.on({1, TestFinished{WorkerId{0}, 0, "a", Verdict::crashed, 1, {}, {}, "signal 11", {}}});
    terminal.on({2, TestRequeued{0, "a", "its worker was spoiled"}});
    terminal.on({3, TestFinished{WorkerId{1}, 0, "a", Verdict::passed, 1, {}, {}, {}, {}}});
    terminal.on({4, TestFinished{WorkerId{1}, 1, "b", Verdict::passed, 1, {}, {}, {}, {}}});
    terminal.on({5, TestAmended{1, "b", Verdict::error, "teardown"}});
    terminal.on({6, RunFinished{1, false, 6, MiB(1), 0, {}}});
  }
  EXPECT_THAT(capture.bytes(), HasSubstr("fittest: 2 tests in 6.0 s: 1 error, 1 passed\n"));
  EXPECT_THAT(capture.bytes(), Not(HasSubstr("crashed")));
}

TEST(Terminal, RanksTestsByWhatTheyHeldLast) {
  const Capture capture;
  {
    Screen screen(capture.fd(), {});
    Terminal terminal(screen);
    terminal.on({0, Collected{50, "fork", "", 1, {}, 0}});
    for (TestIndex test = 0; test < 50; ++test) {
      const Bytes peak = MiB(10 + test * 7 % 50);
      terminal.on(
          {1, TestFinished{WorkerId{0}, test, fmt::format("t{}.", test), Verdict::passed, 1, peak, KiB(1), {}, {}}});
    }
    terminal.on({2, TestFinished{WorkerId{0}, 7, "t7.", Verdict::passed, 1, MiB(11), KiB(1), {}, {}}});  // 59 before
    terminal.on({6, RunFinished{1, false, 6, MiB(1), 0, {}}});
  }
  const std::string text = capture.bytes();
  EXPECT_THAT(text, Not(HasSubstr(" t7.\n")));
  std::size_t last = 0;
  for (int peak = 58; peak >= 49; --peak) {
    const std::size_t place = text.find(fmt::format("{} MiB", peak));
    ASSERT_NE(place, std::string::npos) << peak;
    EXPECT_GT(place, last);
    last = place;
  }
  EXPECT_THAT(text, Not(HasSubstr("48 MiB")));
  EXPECT_THAT(text, Not(HasSubstr("retained most")));  // a kilobyte is not worth a line
}

TEST(Terminal, TellsTheFirstOfManyKillsAndCountsTheOthers) {
  const Capture capture;
  {
    Screen screen(capture.fd(), {});
    Terminal terminal(screen);
    for (int i = 0; i < 100; ++i) {
      terminal.on({10 + i * 0.01, BatchKilled{WorkerId{7}, fmt::format("t{}", i), GiB(1), false, "memory is short"}});
    }
    terminal.on({30, BatchKilled{WorkerId{8}, "late", GiB(1), false, "memory is short"}});
    terminal.on({31, BatchKilled{WorkerId{8}, "later", GiB(1), false, "memory is short"}});
    terminal.on({32, RunFinished{0, false, 32, GiB(1), 0, {}}});
  }
  const std::string text = capture.bytes();
  EXPECT_THAT(text, HasSubstr("runs again: t4\n"));
  EXPECT_THAT(text, Not(HasSubstr("runs again: t5")));
  EXPECT_THAT(text, HasSubstr("runs again: late (and 95 more like it)\n"));
  EXPECT_THAT(text, HasSubstr("(1 line like those above not shown)"));
}

TEST(Terminal, PlainProgressComesEveryTenthOrHalfMinuteWhicheverIsLater) {
  const auto progress_lines = [](std::uint32_t tests, Seconds each) {
    const Capture capture;
    {
      Screen screen(capture.fd(), {});
      Terminal terminal(screen);
      terminal.on({0, Collected{tests, "fork", "", 1, {}, 0}});
      for (TestIndex test = 0; test < tests; ++test) {
        terminal.on({(test + 1) * each, TestFinished{WorkerId{0}, test, "t", Verdict::passed, each, {}, {}, {}, {}}});
      }
    }
    const std::vector<std::string> lines = lines_of(capture.bytes());
    return std::count_if(lines.begin(), lines.end(),
                         [](const std::string& line) { return line.find(" done (") != std::string::npos; });
  };
  EXPECT_EQ(progress_lines(1000, 0.025), 0);  // 25 s
  EXPECT_EQ(progress_lines(1000, 0.1), 3);    // 100 s: every 30 s
  EXPECT_EQ(progress_lines(1000, 1), 9);      // 1000 s: every tenth, the last is the end
  EXPECT_EQ(progress_lines(10, 1000), 9);     // silence
}

TEST(Terminal, SaysSomethingWhenNothingIsDoneForLong) {
  const Capture capture;
  {
    Screen screen(capture.fd(), {});
    Terminal terminal(screen);
    terminal.on({0, Collected{5, "fork", "", 1, {}, 0}});
    for (int second = 1; second < 650; ++second) terminal.on({second * 1.0, Sample{MiB(50), MiB(60), 1}});
  }
  const std::vector<std::string> lines = lines_of(capture.bytes());
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [](const std::string& line) { return line.find("0/5 tests done") != std::string::npos; }),
            2);
}

TEST(Terminal, ForeignTextsCannotSteerTheTerminal) {
  const Capture capture;
  {
    Screen screen(capture.fd(), {});
    Terminal terminal(screen);
    const std::string evil = "a\x1b[2J\x07\r\nb\xff";
    terminal.on({0, RunStarted{evil, evil, {evil}, GiB(1), evil, evil, {evil}}});
    terminal.on({0, Collected{1, evil, evil, 1, {}, 0}});
    terminal.on({1, PressureChanged{evil}});
    terminal.on({1, BudgetRaised{GiB(1), evil}});
    terminal.on({1, Notice{evil}});
    terminal.on({1, BatchKilled{WorkerId{0}, evil, {}, false, evil}});
    terminal.on({1, TestRequeued{0, "x" + evil, evil}});
    terminal.on({1, TestFinished{WorkerId{0}, 0, evil, Verdict::crashed, 1, GiB(1), GiB(1), evil, {}}});
    terminal.on({2, RunFinished{1, false, 2, GiB(1), 0, {}}});
  }
  for (const char c : capture.bytes()) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
}

}  // namespace
}  // namespace fittest::report
