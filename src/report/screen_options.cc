#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <optional>

#include "report/screen.h"

namespace fittest::report {
namespace {

// A variable that is set to nothing counts as not set (no-color.org).
std::optional<std::string_view> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string_view(value);
}

bool wants_color(std::string_view flag, bool capable_terminal) {
  if (flag == "yes") return true;
  if (flag == "no") return false;
  if (variable("PY_COLORS") == "1") return true;
  if (variable("PY_COLORS") == "0") return false;
  if (variable("NO_COLOR")) return false;
  if (variable("FORCE_COLOR")) return true;
  return capable_terminal;
}

}  // namespace

unsigned terminal_columns(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  unsigned columns = 0;
  const std::string_view text = variable("COLUMNS").value_or("");
  std::from_chars(text.data(), text.data() + text.size(), columns);
  return columns > 0 && columns < 10'000 ? columns : 80;
}

ScreenOptions screen_options(std::string_view color_flag, int fd) {
  const std::string_view term = variable("TERM").value_or("dumb");
  const bool capable = ::isatty(fd) == 1 && term != "dumb";
  const bool ci = variable("CI").value_or("false") != "false";
  return {.terminal = capable && !ci, .color = wants_color(color_flag, capable), .columns = terminal_columns(fd)};
}

}  // namespace fittest::report
