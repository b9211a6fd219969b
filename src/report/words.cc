#include "report/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/utf8.h"
#include "report/width.h"

namespace fittest::report {

std::string format_count(std::uint64_t count) {
  std::string out = std::to_string(count);
  for (std::size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, ",");
  return out;
}

std::string counted(std::uint64_t count, std::string_view noun) {
  const std::string_view ending = count == 1 ? "" : noun == "batch" ? "es" : "s";
  return fmt::format("{} {}{}", format_count(count), noun, ending);
}

std::string format_span(Seconds span) {
  if (!(span > 0)) return "0 s";
  if (span < 0.0995) return fmt::format("{:.0f} ms", std::max(span * 1000, 1.0));
  if (span < 9.95) return fmt::format("{:.1f} s", span);
  if (span < 119.5) return fmt::format("{:.0f} s", span);
  const auto seconds = static_cast<std::uint64_t>(std::llround(std::min(span, 1e9)));
  if (seconds < 7200) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

std::string format_share(Bytes part, Bytes whole, std::string_view between) {
  std::string left = format_bytes(part);
  const std::string right = format_bytes(whole);
  const std::size_t unit = right.find(' ');
  const std::string_view tail = std::string_view(right).substr(unit);
  if (left.size() > tail.size() && std::string_view(left).substr(left.size() - tail.size()) == tail) {
    left.resize(left.size() - tail.size());
  }
  return left + std::string(between) + right;
}

std::string one_line(std::string_view text) {
  std::string out = valid_utf8(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f') c = ' ';
  }
  out.erase(0, out.find_first_not_of(' '));
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

std::vector<std::string> wrap(std::string_view text, std::size_t columns, std::size_t indent) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t width = 0;
  bool has_word = false;
  while (!text.empty()) {
    // A word with the spaces before it: they stay as they are within a line.
    const std::size_t start = std::min(text.find_first_not_of(' '), text.size());
    const std::size_t end = std::min(text.find(' ', start), text.size());
    const std::string_view word = text.substr(start, end - start);
    const std::size_t needs = display_width(word);
    if (has_word && width + start + needs > columns) {
      lines.push_back(std::move(line));
      line.assign(indent, ' ');
      width = indent;
    } else {
      line += text.substr(0, start);
      width += start;
    }
    line += word;
    width += needs;
    has_word = true;
    text.remove_prefix(end);
  }
  lines.push_back(std::move(line));
  return lines;
}

}  // namespace fittest::report
