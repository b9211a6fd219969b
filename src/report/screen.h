#pragma once
// The one place that writes to the user's terminal: the framework's own output passes through, fittest's lines go
// between, and on a terminal a progress line stays below whatever was written last.
#include <string>
#include <string_view>

namespace fittest::report {

struct ScreenOptions {
  bool terminal = false;  // progress line redrawn in place; otherwise plain lines now and then
  bool color = false;
  unsigned columns = 80;
};

// `--color=yes|no|auto`, NO_COLOR, CI, TERM=dumb and isatty, in the order users expect (the flag wins).
ScreenOptions screen_options(std::string_view color_flag, int fd);

class Screen {
 public:
  Screen(int fd, const ScreenOptions& options);
  ~Screen();  // removes the progress line
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void pass_through(std::string_view bytes);  // the framework's output, any bytes, also half lines
  void line(std::string_view text);           // one of fittest's own lines; ends a half line first
  void progress(std::string_view text);       // replaces the progress line (terminal), nothing otherwise
  void clear_progress();
  [[nodiscard]] const ScreenOptions& options() const { return options_; }

 private:
  void write_all(std::string_view bytes) const;
  void erase_progress();
  void draw_progress();
  int fd_;
  ScreenOptions options_;
  std::string open_line_;  // what stands in the line that has no newline yet, escape sequences included
  std::string progress_;
  bool drawn_ = false;
};

}  // namespace fittest::report
