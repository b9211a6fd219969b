#include "merge/location.h"

#include <charconv>

#include "core/test_list.h"
#include "report/words.h"

namespace fittest::merge {
namespace {

// Calls `use` with each line until it returns true.
template <typename Use>
void each_line(std::string_view text, Use use) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (use(text.substr(0, end)) || end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::uint32_t> number_at(std::string_view text, std::string_view behind) {
  std::uint32_t line = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), line);
  if (error != std::errc() || line == 0) return std::nullopt;
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  return rest.starts_with(behind) ? std::optional(line) : std::nullopt;
}

bool names(std::string_view path, std::string_view file) {
  return path == file || (path.ends_with(file) && path[path.size() - file.size() - 1] == '/');
}

// Of "tests/a.py:12: AssertionError".
std::optional<std::uint32_t> pytest_line(std::string_view text, std::string_view file) {
  const std::size_t place = text.find(file);
  if (place == std::string_view::npos) return std::nullopt;
  const std::size_t end = place + file.size();
  if (!names(text.substr(0, end), file) || text.substr(end, 1) != ":") return std::nullopt;
  return number_at(text.substr(end + 1), ":");
}

// Of '  File "/src/tests/a.py", line 12, in test_x'.
std::optional<std::uint32_t> python_line(std::string_view text, std::string_view file) {
  constexpr std::string_view kFile = "File \"";
  constexpr std::string_view kLine = "\", line ";
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos || !text.substr(begin).starts_with(kFile)) return std::nullopt;
  text.remove_prefix(begin + kFile.size());
  const std::size_t end = text.find(kLine);
  if (end == std::string_view::npos || !names(text.substr(0, end), file)) return std::nullopt;
  return number_at(text.substr(end + kLine.size()), "");
}

}  // namespace

Location location_of(std::string_view id, std::string_view message) {
  Location location{parts_of(id).file, std::nullopt};
  if (location.file.empty()) return location;
  each_line(message, [&](std::string_view line) {
    auto found = pytest_line(line, location.file);
    if (!found) found = python_line(line, location.file);
    if (found) location.line = found;
    return false;
  });
  return location;
}

std::string reason_of(const report::TestFinished& test) {
  if (std::string detail = report::one_line(test.detail); !detail.empty()) return detail;
  std::string first;
  std::string marked;
  each_line(test.message, [&](std::string_view line) {
    if (first.empty()) first = report::one_line(line);
    if (line.starts_with("E ")) marked = report::one_line(line.substr(2));
    return !marked.empty();
  });
  return marked.empty() ? first : marked;
}

}  // namespace fittest::merge
