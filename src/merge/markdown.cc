#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "merge/github.h"
#include "merge/location.h"
#include "merge/rows.h"
#include "report/words.h"

namespace fittest::merge {
namespace {

constexpr std::size_t kLongestText = 300;

// A text as it is: nothing in it is taken for Markdown or HTML.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : report::one_line(text)) {
    if (std::string_view("\\`*_[]#|~<>&@:").find(c) != std::string_view::npos) {
      // By number: a backslash does not stop a user's name or a link from being made of it.
      out += fmt::format("&#{};", static_cast<int>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

// In <code>, where only HTML must be escaped; a bar would end a table's cell.
std::string code(std::string_view text) {
  std::string out = "<code>";
  for (const char c : report::one_line(text)) {
    if (std::string_view("&<>|`*_[]\\~@#").find(c) != std::string_view::npos) {
      out += fmt::format("&#{};", static_cast<int>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + "</code>";
}

std::string shortened(const std::string& text) {
  if (text.size() <= kLongestText) return text;
  return text.substr(0, kLongestText) + "...";
}

void add_table(std::string& out, const Merged& merged) {
  out += "| run |";
  for (const char* title : kRowTitles) out += fmt::format(" {} |", title);
  out += "\n|---|";
  for (std::size_t i = 0; i < kRowTitles.size(); ++i) out += "---:|";
  out += "\n";
  const std::vector<Row> rows = rows_of(merged);
  for (const Row& row : rows) {
    const bool last = &row == &rows.back();
    const auto cell = [&](const std::string& text) { return last ? "**" + text + "**" : text; };
    out += "| " + (row.failed && !last ? ":x: " + plain(row.name) : cell(plain(row.name))) + " |";
    for (const std::string& figure : row.figures) out += " " + cell(figure) + " |";
    out += "\n";
  }
}

void add_tests(std::string& out, std::string_view title, const Merged& merged,
               const std::vector<const MergedTest*>& tests, std::size_t most, std::string_view rest_is_in) {
  if (tests.empty()) return;
  out += fmt::format("\n### {}: {}\n\n", title, report::format_count(tests.size()));
  for (std::size_t i = 0; i < tests.size() && i < most; ++i) {
    const MergedTest& test = *tests[i];
    out += "- " + code(test.id);
    if (const std::string origin = origin_of(merged, test); !origin.empty()) out += " " + plain(origin);
    if (test.finished != nullptr) {
      out += " " + std::string(name(test.finished->verdict));
      if (const std::string reason = reason_of(*test.finished); !reason.empty()) {
        out += "<br>" + plain(shortened(reason));
      }
    }
    out += "\n";
  }
  if (tests.size() > most) {
    out += fmt::format("\nand {} more: see {}\n", report::format_count(tests.size() - most), rest_is_in);
  }
}

void add_lines(std::string& out, std::string_view title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  out += fmt::format("\n### {}\n\n", title);
  for (const std::string& line : lines) out += "- " + plain(line) + "\n";
}

}  // namespace

std::string markdown(const Merged& merged) {
  const int code = merged.exit_code();
  std::string out = fmt::format("## {} {}\n\n", code == 0 ? ":white_check_mark:" : ":x:", headline(merged));
  add_table(out, merged);
  const Failures failures = failures_of(merged);
  add_tests(out, "Failed", merged, failures.failed, kFailuresShown, "junit.xml");
  add_tests(out, "Not run", merged, failures.not_run, kMissingShown, "missing.txt");
  add_tests(out, "Missing", merged, failures.missing, kMissingShown, "missing.txt");
  add_lines(out, "Problems", merged.problems);
  add_lines(out, "Notes", merged.notices);
  return out + "\n";
}

}  // namespace fittest::merge
