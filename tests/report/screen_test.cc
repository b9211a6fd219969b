#include "report/screen.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "capture.h"
#include "screen_model.h"

namespace fittest::report {
namespace {

constexpr ScreenOptions kPlain{};
constexpr std::string_view kMark = "~~";  // begins fittest's own lines here; the framework never writes it

class Watch {
 public:
  [[nodiscard]] Screen::Clock clock() {
    return [this] { return now; };
  }
  Seconds now = 0;
};

std::vector<std::string> rows_of(std::string_view bytes, std::size_t columns) {
  ScreenModel model(columns, 24, ScreenModel::Newline::returns_too);
  model.feed(bytes);
  EXPECT_EQ(model.unknown(), "");
  return model.text();
}

TEST(Screen, PlainLinesWaitForTheEndOfTheRowOfDots) {
  const Capture capture;
  Watch watch;
  Screen screen(capture.fd(), kPlain, watch.clock());
  screen.pass_through("a.py ...");
  screen.line("~~1");
  screen.line("~~2");
  EXPECT_EQ(capture.bytes(), "a.py ...");
  screen.pass_through(".. [50%]\nb.py .");
  EXPECT_EQ(capture.bytes(), "a.py ..... [50%]\n~~1\n~~2\nb.py .");
}

TEST(Screen, PlainLinesDoNotWaitForLong) {
  const Capture capture;
  Watch watch;
  Screen screen(capture.fd(), kPlain, watch.clock());
  screen.pass_through("a.py ...");
  screen.line("~~1");
  watch.now = Screen::kLongestHold - 0.1;
  screen.tick();
  EXPECT_EQ(capture.bytes(), "a.py ...");
  watch.now = Screen::kLongestHold;
  screen.tick();
  EXPECT_EQ(capture.bytes(), "a.py ...\n~~1\n");
  screen.pass_through("..\n");
  screen.line("~~2");
  EXPECT_EQ(capture.bytes(), "a.py ...\n~~1\n..\n~~2\n");
}

TEST(Screen, LinesThatWaitAreWrittenAtTheEnd) {
  const Capture capture;
  Watch watch;
  {
    Screen screen(capture.fd(), kPlain, watch.clock());
    screen.pass_through("half");
    screen.line("~~1");
  }
  EXPECT_EQ(capture.bytes(), "half\n~~1\n");
}

TEST(Screen, ProgressIsNothingWithoutATerminal) {
  const Capture capture;
  {
    Screen screen(capture.fd(), kPlain);
    screen.progress("50 %");
    screen.pass_through("x");
    screen.progress("60 %");
    screen.clear_progress();
  }
  EXPECT_EQ(capture.bytes(), "x");
}

TEST(Screen, AskedForAgainTheSameProgressCostsNothing) {
  const Capture capture;
  Screen screen(capture.fd(), {.terminal = true});
  screen.progress("50 %");
  const std::string before = capture.bytes();
  screen.progress("50 %");
  EXPECT_EQ(capture.bytes(), before);
}

TEST(Screen, OnATerminalLinesGoAboveTheRowOfDotsAndProgressBelow) {
  const Capture capture;
  Screen screen(capture.fd(), {.terminal = true});
  screen.progress("50 %");
  screen.pass_through("a.py \x1b[32m..\x1b[0m");
  screen.line("~~1");
  screen.pass_through("\x1b[32m.\x1b[0m");
  screen.progress("60 %");
  EXPECT_EQ(rows_of(capture.bytes(), 80), (std::vector<std::string>{"~~1", "a.py ...", "60 %"}));
  screen.pass_through("\nb.py .");
  EXPECT_EQ(rows_of(capture.bytes(), 80), (std::vector<std::string>{"~~1", "a.py ...", "b.py .", "60 %"}));
  screen.clear_progress();
  EXPECT_EQ(rows_of(capture.bytes(), 80), (std::vector<std::string>{"~~1", "a.py ...", "b.py ."}));
}

TEST(Screen, ProgressWaitsWhileALineHoldsMoreThanTextAndColours) {
  const Capture capture;
  Screen screen(capture.fd(), {.terminal = true});
  screen.progress("50 %");
  screen.pass_through("\x1b[5;7H");
  EXPECT_THAT(capture.bytes(), ::testing::EndsWith("\x1b[5;7H"));
  screen.pass_through(std::string(100'000, 'x'));
  EXPECT_THAT(capture.bytes(), ::testing::EndsWith("xxx"));
  screen.pass_through("\n");
  EXPECT_THAT(capture.bytes(), ::testing::EndsWith("\n50 %"));
}

TEST(Screen, ALineWrittenOverAndOverKeepsItsProgressLine) {
  const Capture capture;
  Screen screen(capture.fd(), {.terminal = true});
  screen.progress("progress");
  for (int i = 0; i < 2000; ++i) screen.pass_through(fmt::format("\rstep {:4}", i));
  EXPECT_EQ(rows_of(capture.bytes(), 80), (std::vector<std::string>{"step 1999", "progress"}));
}

TEST(Screen, ProgressIsCutToTheTerminal) {
  const Capture capture;
  Screen screen(capture.fd(), {.terminal = true, .columns = 10});
  screen.progress("\x1b[31m0123456789abcdef\x1b[0m");
  screen.progress("x");
  EXPECT_EQ(rows_of(capture.bytes(), 10), (std::vector<std::string>{"x"}));
  EXPECT_THAT(capture.bytes(), ::testing::HasSubstr("\x1b[31m012345678\x1b[0m"));
}

// Terminals that break long lines anew when they become narrower (VTE, kitty, tmux ...): the progress line stands in
// several rows then.
TEST(Screen, ANarrowerTerminalLosesTheWholeProgressLine) {
  const Capture capture;
  Screen screen(capture.fd(), {.terminal = true, .columns = 40});
  screen.pass_through("first\n");
  screen.progress(std::string(35, 'p'));
  std::string reflowed = "first\n" + std::string(35, 'p');  // as a terminal of 10 columns shows it
  const std::size_t before = capture.bytes().size();
  screen.set_columns(10);
  EXPECT_EQ(screen.options().columns, 10U);
  EXPECT_EQ(rows_of(reflowed + capture.bytes().substr(before), 10),
            (std::vector<std::string>{"first", std::string(9, 'p')}));
}

// What Screen promises of an output that is no terminal, said once more: lines of ours come in between only where a
// line has ended, or after a newline of ours once they have waited for long.
class PlainOracle {
 public:
  void pass_through(const std::string& bytes, Seconds now) {
    const std::size_t newline = bytes.find('\n');
    if (!held_.empty() && newline != std::string::npos) {
      framework(bytes.substr(0, newline + 1));
      let_out();
      framework(bytes.substr(newline + 1));
    } else {
      framework(bytes);
    }
    if (!bytes.empty()) tick(now);
  }
  void line(const std::string& text, Seconds now) {
    if (held_.empty()) since_ = now;
    held_.push_back(text);
    if (open()) {
      tick(now);
    } else {
      let_out();
    }
  }
  void tick(Seconds now) {
    if (!held_.empty() && now - since_ >= Screen::kLongestHold) let_out();
  }
  void let_out() {
    if (!held_.empty() && open()) out += '\n';
    if (!held_.empty()) ended_ = true;
    for (const std::string& text : held_) out += text + "\n";
    held_.clear();
  }
  std::string out;   // everything
  std::string sent;  // only the framework's

 private:
  void framework(const std::string& bytes) {
    out += bytes;
    sent += bytes;
    if (!bytes.empty()) ended_ = bytes.back() == '\n';
  }
  [[nodiscard]] bool open() const { return !ended_; }
  bool ended_ = true;
  std::vector<std::string> held_;
  Seconds since_ = 0;
};

// Whatever passes through arrives unchanged and in order.
TEST(ScreenProperty, WithoutATerminalEveryByteArrivesInOrder) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    const Capture capture;
    Watch watch;
    PlainOracle oracle;
    {
      Screen screen(capture.fd(), kPlain, watch.clock());
      const std::uint64_t lines = 1 + random() % 3;  // of ours, out of ten steps; none in some rounds, below
      for (int step = 0; step < 60; ++step) {
        watch.now += static_cast<double>(random() % 100) / 50;
        const std::uint64_t what = random() % 10;
        if (round % 10 != 0 && what < lines) {
          const std::string text = fmt::format("{}{}", kMark, step);
          oracle.line(text, watch.now);
          screen.line(text);
        } else if (what == 9) {
          oracle.tick(watch.now);
          screen.progress("never to be seen");
        } else {
          std::string bytes;
          for (std::size_t i = random() % 20; i > 0; --i) {
            bytes += random() % 6 == 0 ? '\n' : static_cast<char>(random() % 256);
          }
          std::erase(bytes, 'm');  // no colours, which would be set aside around our lines
          oracle.pass_through(bytes, watch.now);
          screen.pass_through(bytes);
        }
      }
    }
    oracle.let_out();
    ASSERT_EQ(capture.bytes(), oracle.out) << round;
    if (round % 10 == 0) {
      ASSERT_EQ(capture.bytes(), oracle.sent) << round;
    }
  }
}

TEST(Screen, OwnLinesDoNotTakeOnColoursAndDoNotLoseThem) {
  const Capture capture;
  Screen screen(capture.fd(), kPlain);
  screen.pass_through("\x1b[31mred\n");
  screen.line("~~1");
  screen.pass_through("still red\x1b[0m\n");
  screen.line("~~2");
  EXPECT_EQ(capture.bytes(), "\x1b[31mred\n\x1b[0m~~1\n\x1b[31mstill red\x1b[0m\n~~2\n");
}

std::string random_framework_bytes(std::mt19937_64& random) {
  static const std::vector<std::string> kPieces = {
      ".",  ".",  ".",  "F",  "word ",      "\x1b[32m.\x1b[0m", "\x1b[31m",  "\x1b[0m",  "\x1b[1;33mE",       "\r",
      "\t", "\b", "\n", "\n", "0123456789", "\xE6\x97\xA5",     "e\xCC\x81", "\xC3\xA9", "          [ 50%]\n"};
  return kPieces[random() % kPieces.size()];
}

// What a person sees of the framework's output is the same with fittest's lines taken out as if it had been alone,
// colours and the place of the cursor included.
TEST(ScreenProperty, OnATerminalTheFrameworksOutputLooksAsIfItWereAlone) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 400; ++round) {
    const unsigned columns = 12 + static_cast<unsigned>(random() % 30);
    const Capture capture;
    std::string alone;
    {
      Screen screen(capture.fd(), {.terminal = true, .columns = columns}, [] { return 0.0; });
      for (int step = 0; step < 120; ++step) {
        switch (random() % 6) {
          case 0:
            screen.line(fmt::format("{}{}", kMark, step));
            break;
          case 1:
            screen.progress(fmt::format("\x1b[36mprogress {}\x1b[0m", random() % 1000));
            break;
          case 2:
            if (random() % 4 == 0) screen.clear_progress();
            break;
          default: {
            // Bytes come in any pieces, within sequences and characters too.
            const std::string bytes = random_framework_bytes(random);
            const std::size_t cut = random() % (bytes.size() + 1);
            screen.pass_through(bytes.substr(0, cut));
            screen.pass_through(bytes.substr(cut));
            alone += bytes;
          }
        }
      }
      // A line that is too long to be left holds ours back: they end it when it does not end by itself.
      screen.pass_through("\n");
      alone += "\n";
    }
    // Rows enough that nothing scrolls away.
    ScreenModel expected(columns, 1000, ScreenModel::Newline::returns_too);
    expected.feed(alone);
    ScreenModel model(columns, 24, ScreenModel::Newline::returns_too);
    model.feed(capture.bytes());
    ASSERT_EQ(model.unknown(), "");
    std::vector<Row> rows;
    for (const Row& row : model.rows()) {
      if (!text_of(row).starts_with(kMark)) rows.push_back(row);
    }
    // Rows a progress line once stood in are there still, blank.
    const auto trim = [](std::vector<Row> all) {
      for (Row& row : all) {
        while (!row.empty() && row.back().text == " ") row.pop_back();
      }
      while (!all.empty() && all.back().empty()) all.pop_back();
      return all;
    };
    std::string shown;
    for (const std::string& row : model.text()) shown += row + "\n";
    ASSERT_TRUE(trim(rows) == trim(expected.rows())) << "round " << round << ", " << columns << " columns\n" << shown;
  }
}

}  // namespace
}  // namespace fittest::report
