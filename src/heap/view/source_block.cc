#include "heap/view/source_block.h"

#include <algorithm>
#include <optional>

namespace fittest::heap {
namespace {

// Follows Python's text as far as it takes to know where a logical line ends.
class Scanner {
 public:
  // True if the logical line goes on in the next line.
  bool read(std::string_view line) {
    std::size_t i = 0;
    bool joined = false;
    while (i < line.size()) {
      if (quote_ != 0) {
        i = read_string(line, i);
        continue;
      }
      const char c = line[i];
      if (c == '#') break;
      if (c == '\'' || c == '"') {
        quote_ = c;
        is_triple_ = line.substr(i, 3) == std::string(3, c);
        i += is_triple_ ? 3 : 1;
        continue;
      }
      if (c == '(' || c == '[' || c == '{') ++depth_;
      if ((c == ')' || c == ']' || c == '}') && depth_ > 0) --depth_;
      joined = c == '\\' && i + 1 == line.size();
      ++i;
    }
    // A string in single quotes ends with its line, unless a backslash joins them.
    if (quote_ != 0 && !is_triple_) {
      if (line.ends_with('\\')) return true;
      quote_ = 0;
    }
    return joined || quote_ != 0 || depth_ > 0;
  }

 private:
  std::size_t read_string(std::string_view line, std::size_t i) {
    if (line[i] == '\\') return i + 2;
    if (line[i] != quote_) return i + 1;
    if (!is_triple_) {
      quote_ = 0;
      return i + 1;
    }
    if (line.substr(i, 3) != std::string(3, quote_)) return i + 1;
    quote_ = 0;
    return i + 3;
  }

  char quote_ = 0;
  bool is_triple_ = false;
  int depth_ = 0;
};

constexpr std::size_t kTab = 8;

// Nothing for a line that is blank or a comment: it says nothing about blocks.
std::optional<std::size_t> indentation(std::string_view line) {
  std::size_t columns = 0;
  for (const char c : line) {
    if (c == ' ') {
      ++columns;
    } else if (c == '\t') {
      columns = (columns / kTab + 1) * kTab;
    } else if (c == '#' || c == '\r' || c == '\f') {
      return std::nullopt;
    } else {
      return columns;
    }
  }
  return std::nullopt;
}

std::string_view stripped(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return line;
}

bool begins_block(std::string_view line) {
  const std::string_view text = stripped(line);
  return text.starts_with("def ") || text.starts_with("async ") || text.starts_with("class ");
}

}  // namespace

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    out.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::size_t python_block_end(const std::vector<std::string>& lines, std::size_t first) {
  if (first >= lines.size()) return first;
  Scanner scanner;
  std::size_t at = first;
  const auto read_logical_line = [&] {
    while (at < lines.size() && scanner.read(lines[at++])) {
    }
  };
  while (at < lines.size() && (stripped(lines[at]).starts_with('@') || !indentation(lines[at]))) read_logical_line();
  if (at >= lines.size() || !begins_block(lines[at])) return first + 1;
  const std::size_t outer = *indentation(lines[at]);
  read_logical_line();
  std::size_t end = at;
  while (at < lines.size()) {
    const std::optional<std::size_t> here = indentation(lines[at]);
    if (here && *here <= outer) break;
    read_logical_line();
    if (here) end = at;
  }
  return end;
}

bool is_marked_profile(const std::vector<std::string>& lines, std::size_t first) {
  Scanner scanner;
  bool goes_on = false;
  for (std::size_t at = first; at < lines.size(); ++at) {
    const std::string_view text = stripped(lines[at]);
    if (!goes_on) {
      if (begins_block(text)) return false;
      if (text.starts_with("@profile")) {
        const std::string_view rest = text.substr(std::string_view("@profile").size());
        if (rest.empty() || rest.starts_with('(') || rest.starts_with(' ') || rest.starts_with('#')) return true;
      }
      if (!text.empty() && !text.starts_with('@') && !text.starts_with('#')) return false;
    }
    goes_on = scanner.read(lines[at]);
  }
  return false;
}

}  // namespace fittest::heap
