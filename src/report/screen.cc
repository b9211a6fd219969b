#include "report/screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "report/open_line.h"
#include "report/width.h"

namespace fittest::report {
namespace {

// A half line longer than this is not written again; it has no progress line below.
constexpr std::size_t kLongestOpenLine = 16 << 10;
constexpr unsigned kMostOpenRows = 4;
constexpr std::size_t kMostHeld = 200;
constexpr std::string_view kEraseBelow = "\x1b[J";
constexpr std::string_view kNoColours = "\x1b[0m";

Seconds steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Screen::Screen(int fd, const ScreenOptions& options) : Screen(fd, options, steady_seconds) {}

Screen::Screen(int fd, const ScreenOptions& options, Clock clock)
    : output_(fd), options_(options), clock_(std::move(clock)) {
  options_.columns = std::max(options_.columns, 1U);
}

Screen::~Screen() {
  progress_.clear();
  begin();
  append_held();
  end();
}

// Every call that changes the screen takes the progress line off, does its part, and puts the line back.
void Screen::begin() {
  frame_.clear();
  erase_progress();
}

void Screen::end() {
  draw_progress();
  if (!frame_.empty()) output_.write(frame_);
}

void Screen::pass_through(std::string_view bytes) {
  if (bytes.empty()) return;
  begin();
  const std::size_t newline = bytes.find('\n');
  if (!held_.empty() && newline != std::string_view::npos) {
    append_framework(bytes.substr(0, newline + 1));
    append_held();
    bytes.remove_prefix(newline + 1);
  }
  append_framework(bytes);
  end();
  tick();
}

void Screen::line(std::string_view text) {
  if (open_line_.empty() && !open_line_lost_) {
    begin();
    append_held();
    append_own(text);
    end();
  } else if (options_.terminal && can_leave_open_line()) {
    begin();
    const OpenLine line = measure(open_line_, options_.columns);
    if (line.row > 0) frame_ += fmt::format("\x1b[{}A", line.row);
    frame_ += '\r';
    frame_ += kEraseBelow;
    append_own(text);
    rewrite_open_line();
    end();
  } else {
    if (held_.empty()) held_since_ = clock_();
    held_.emplace_back(text);
    tick();
  }
}

void Screen::progress(std::string_view text) {
  tick();
  if (!options_.terminal || progress_ == text) return;
  begin();
  progress_ = text;
  end();
}

void Screen::clear_progress() {
  begin();
  progress_.clear();
  end();
}

void Screen::tick() {
  const bool long_enough = !held_.empty() && (clock_() - held_since_ >= kLongestHold || held_.size() >= kMostHeld);
  if (long_enough) {
    begin();
    append_held();
    end();
  } else if (output_.waiting() > 0) {
    output_.pump();
  }
}

void Screen::set_columns(unsigned columns) {
  if (columns == 0 || columns == options_.columns) return;
  options_.columns = columns;
  begin();
  end();
}

void Screen::append_framework(std::string_view bytes) {
  if (bytes.empty()) return;
  frame_ += bytes;
  const std::size_t newline = bytes.rfind('\n');
  if (newline == std::string_view::npos) {
    attributes_.feed(bytes);
    remember_open_line(bytes);
    return;
  }
  attributes_.feed(bytes.substr(0, newline + 1));
  open_line_ended();
  attributes_.feed(bytes.substr(newline + 1));
  remember_open_line(bytes.substr(newline + 1));
}

// In the first column.
void Screen::append_own(std::string_view text) {
  const bool coloured = !attributes_.active().empty();
  if (coloured) frame_ += kNoColours;
  frame_ += text;
  frame_ += '\n';
  if (coloured) frame_ += attributes_.active();
}

void Screen::append_held() {
  if (held_.empty()) return;
  if (!open_line_.empty() || open_line_lost_) {
    frame_ += '\n';
    open_line_ended();
  }
  for (const std::string& text : held_) append_own(text);
  held_.clear();
}

void Screen::open_line_ended() {
  open_line_.clear();
  open_line_lost_ = false;
  open_line_colours_ = attributes_.active();
}

void Screen::remember_open_line(std::string_view bytes) {
  if (open_line_lost_) return;
  open_line_ += bytes;
  if (open_line_.size() <= kLongestOpenLine) return;
  // A line that is written over and over again, as progress bars are: the last time is what shows.
  const std::size_t start = open_line_.rfind('\r');
  if (start != std::string::npos) open_line_.erase(0, start);
  if (open_line_.size() > kLongestOpenLine) {
    open_line_.clear();
    open_line_lost_ = true;
  }
}

void Screen::rewrite_open_line() {
  if (!attributes_.active().empty()) frame_ += kNoColours;
  frame_ += open_line_colours_;
  frame_ += open_line_;
}

bool Screen::can_leave_open_line() const {
  if (open_line_lost_) return false;
  const OpenLine line = measure(open_line_, options_.columns);
  return line.tame && line.whole && line.row < kMostOpenRows;
}

void Screen::erase_progress() {
  if (drawn_.empty()) return;
  // It was drawn narrower than the terminal, but that may have become narrower since, and broken it into rows.
  const std::size_t width = display_width(drawn_);
  const std::size_t rows_up = width == 0 ? 0 : (width - 1) / options_.columns;
  drawn_.clear();
  frame_ += '\r';
  if (rows_up > 0) frame_ += fmt::format("\x1b[{}A", rows_up);
  frame_ += kEraseBelow;
  if (!std::exchange(drawn_below_open_line_, false)) {
    frame_ += attributes_.active();
    return;
  }
  // Back to where the framework's next byte belongs. Past the last column there is no going to: the line is written
  // again, as it is where it holds colours.
  const OpenLine line = measure(open_line_, options_.columns);
  if (line.column < options_.columns && attributes_.active().empty()) {
    frame_ += fmt::format("\x1b[A\x1b[{}G", line.column + 1);
  } else {
    frame_ += fmt::format("\x1b[{}A\r", line.row + 1);
    rewrite_open_line();
  }
}

void Screen::draw_progress() {
  if (!options_.terminal || progress_.empty()) return;
  const bool below = !open_line_.empty() || open_line_lost_;
  if (below && !can_leave_open_line()) return;
  drawn_ = cut_to_width(progress_, options_.columns - 1);
  if (drawn_.empty()) return;
  drawn_below_open_line_ = below;
  if (!attributes_.active().empty()) frame_ += kNoColours;
  if (below) frame_ += '\n';
  frame_ += drawn_;
}

}  // namespace fittest::report
