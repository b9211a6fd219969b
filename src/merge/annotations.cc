#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "core/utf8.h"
#include "merge/github.h"
#include "merge/location.h"
#include "merge/rows.h"
#include "report/words.h"

namespace fittest::merge {
namespace {

constexpr std::size_t kLongestText = 1000;

std::string escaped(std::string_view text, std::string_view which) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    if (which.find(c) != std::string_view::npos) {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

std::string message(std::string_view text) {
  return escaped(text.substr(0, kLongestText), "%\r\n");
}

// In the value of a property a colon or comma would end it.
std::string property(std::string_view text) {
  return escaped(text, "%\r\n:,");
}

std::string of_test(const Merged& merged, const MergedTest& test) {
  const Location location = location_of(test.id, test.finished != nullptr ? test.finished->message : "");
  std::string command = "::error ";
  if (!location.file.empty()) command += fmt::format("file={},", property(location.file));
  if (location.line) command += fmt::format("line={},", *location.line);
  command += fmt::format("title={}::", property(test.id));
  std::string text;
  if (test.finished != nullptr) {
    const std::string reason = reason_of(*test.finished);
    text = std::string(name(test.finished->verdict)) + (reason.empty() ? "" : ": " + reason);
  } else {
    text = test.state == MergedTest::State::missing ? "missing: no run has a verdict of it"
                                                    : "not_run: its run ended before it";
  }
  const std::string origin = origin_of(merged, test);
  return command + message(origin.empty() ? text : text + " " + origin);
}

}  // namespace

std::string annotations(const Merged& merged) {
  const Failures failures = failures_of(merged);
  // Failures first, then what is wrong with the runs, which is few, then what is missing, which may be all of it.
  std::vector<std::string> shown;
  const std::size_t all =
      failures.failed.size() + merged.problems.size() + failures.not_run.size() + failures.missing.size();
  const std::size_t most = all > kMostAnnotations ? kMostAnnotations - 1 : all;
  const auto add_tests = [&](const std::vector<const MergedTest*>& tests) {
    for (auto test = tests.begin(); test != tests.end() && shown.size() < most; ++test) {
      shown.push_back(of_test(merged, **test));
    }
  };
  add_tests(failures.failed);
  for (auto problem = merged.problems.begin(); problem != merged.problems.end() && shown.size() < most; ++problem) {
    shown.push_back("::error title=fittest merge::" + message(*problem));
  }
  add_tests(failures.not_run);
  add_tests(failures.missing);
  if (all > shown.size()) {
    shown.push_back(fmt::format("::error title=fittest merge::and {} more: see the summary, junit.xml and missing.txt",
                                report::format_count(all - shown.size())));
  }
  std::string out;
  for (const std::string& line : shown) out += line + "\n";
  return out;
}

}  // namespace fittest::merge
