#pragma once
// The one place that writes to the user's terminal: the framework's own output passes through, fittest's lines go
// between, and on a terminal a progress line stays below whatever was written last.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "report/attributes.h"
#include "report/output.h"

namespace fittest::report {

struct ScreenOptions {
  bool terminal = false;  // progress line redrawn in place; otherwise plain lines now and then
  bool color = false;
  unsigned columns = 80;
};

// `--color=yes|no|auto`, NO_COLOR, CI, TERM=dumb and isatty, in the order users expect (the flag wins). As pytest does,
// PY_COLORS and FORCE_COLOR are heard too. With CI set nobody watches, terminal or not: plain lines.
ScreenOptions screen_options(std::string_view color_flag, int fd);

// What the terminal behind `fd` says of itself; COLUMNS, then 80, where it is none.
unsigned terminal_columns(int fd);

// Where a line of ours meets a half line of the framework's (pytest writes a row of dots little by little):
// - on a terminal it goes above it: the half line is taken off, and written again below;
// - otherwise it waits until the half line has ended, but not longer than `kLongestHold`: then the half line is ended
//   by a newline of ours. So too for a half line on a terminal that holds more than text and colours, or is long.
// Whatever passes through arrives unchanged and in order. Not thread-safe; does not own the descriptor; never throws
// for what becomes of it (see Output).
class Screen {
 public:
  using Clock = std::function<Seconds()>;
  static constexpr Seconds kLongestHold = 3;

  Screen(int fd, const ScreenOptions& options);
  Screen(int fd, const ScreenOptions& options, Clock clock);
  ~Screen();  // writes lines that still wait, removes the progress line
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void pass_through(std::string_view bytes);  // the framework's output, any bytes, also half lines
  void line(std::string_view text);           // one of fittest's own lines (or several)
  void progress(std::string_view text);       // replaces the progress line (terminal); cut to the columns
  void clear_progress();
  // Lets lines out that have waited long enough, and bytes that did not go out before. To be called now and then;
  // progress() does it too.
  void tick();
  // The terminal has another width now (SIGWINCH). Terminals break long lines anew; that is reckoned with.
  void set_columns(unsigned columns);
  // Nobody reads any more.
  [[nodiscard]] bool broken() const { return output_.broken(); }
  [[nodiscard]] const ScreenOptions& options() const { return options_; }

 private:
  void begin();
  void end();
  void append_framework(std::string_view bytes);
  void append_own(std::string_view text);
  void append_held();
  void open_line_ended();
  void remember_open_line(std::string_view bytes);
  void rewrite_open_line();
  [[nodiscard]] bool can_leave_open_line() const;
  void erase_progress();
  void draw_progress();

  Output output_;
  ScreenOptions options_;
  Clock clock_;
  std::string frame_;              // what the call in hand will write, in one piece so that nothing flickers
  std::string open_line_;          // what stands in the line that has no newline yet, escape sequences included
  std::string open_line_colours_;  // the colours it began in
  bool open_line_lost_ = false;    // too long to be kept
  Attributes attributes_;
  std::vector<std::string> held_;
  Seconds held_since_ = 0;
  std::string progress_;
  std::string drawn_;  // the progress line as it stands on the terminal; empty when there is none
  bool drawn_below_open_line_ = false;
};

}  // namespace fittest::report
