#include "merge/junit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <pugixml.hpp>
#include <sstream>
#include <utility>
#include <vector>

#include "core/atomic_file.h"
#include "report/junit_case.h"

namespace fittest::merge {
namespace {

using report::JUnitCount;
using report::xml_text;

struct Counts {
  std::array<std::size_t, 4> of{};
  std::size_t tests = 0;

  void add(JUnitCount what) {
    ++of[static_cast<std::size_t>(what)];
    ++tests;
  }
  void add(const Counts& other) {
    for (std::size_t i = 0; i < of.size(); ++i) of[i] += other.of[i];
    tests += other.tests;
  }
};

struct Property {
  const char* name;
  std::string value;
};

// A testsuite but for its test cases, which may be too many to be held as nodes.
struct Suite {
  std::string name;
  Counts counts;
  Seconds time = 0;
  Seconds started = 0;  // Unix time; 0: not known
  std::string host;
  std::vector<Property> properties;
  std::vector<const MergedTest*> tests;
};

void set(pugi::xml_node node, const char* attribute, const std::string& value) {
  node.append_attribute(attribute).set_value(xml_text(value).c_str());
}

void set_counts(pugi::xml_node node, const std::string& name, const Counts& counts, Seconds time) {
  const auto count = [&](JUnitCount what) { return std::to_string(counts.of[static_cast<std::size_t>(what)]); };
  set(node, "name", name);
  set(node, "tests", std::to_string(counts.tests));
  set(node, "failures", count(JUnitCount::failure));
  set(node, "errors", count(JUnitCount::error));
  set(node, "skipped", count(JUnitCount::skipped));
  set(node, "time", fmt::format("{:.3f}", std::clamp(time, 0.0, 1e12)));
}

std::string in_iso8601(Seconds unix_time) {
  // To the end of the year 9999, which the form has room for.
  const auto moment = static_cast<std::time_t>(std::min(unix_time, 253402300799.0));
  std::tm utc{};
  ::gmtime_r(&moment, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S+00:00", &utc);
  return text.data();
}

// What stands before the last end tag, and that tag.
std::pair<std::string, std::string> open_element(const pugi::xml_document& document, const char* end_tag) {
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  std::string text = out.str();
  const std::size_t end = text.rfind(end_tag);
  return {text.substr(0, end), text.substr(end)};
}

std::pair<std::string, std::string> open_suite(const Suite& suite) {
  pugi::xml_document document;
  pugi::xml_node node = document.append_child("testsuite");
  set_counts(node, suite.name, suite.counts, suite.time);
  if (suite.started > 0) set(node, "timestamp", in_iso8601(suite.started));
  if (!suite.host.empty()) set(node, "hostname", suite.host);
  pugi::xml_node properties = node.append_child("properties");
  for (const Property& property : suite.properties) {
    pugi::xml_node child = properties.append_child("property");
    set(child, "name", property.name);
    set(child, "value", property.value);
  }
  return open_element(document, "</testsuite>");
}

std::string case_without_verdict(const MergedTest& test) {
  const bool missing = test.state == MergedTest::State::missing;
  pugi::xml_document document;
  pugi::xml_node node = document.append_child("testcase");
  const report::TestAddress address = report::junit_address(test.id);
  set(node, "classname", address.classname);
  set(node, "name", address.name);
  set(node, "time", "0.000");
  pugi::xml_node property = node.append_child("properties").append_child("property");
  set(property, "name", "fittest.verdict");
  set(property, "value", missing ? "missing" : "not_run");
  pugi::xml_node error = node.append_child("error");
  set(error, "type", missing ? "missing" : "not_run");
  set(error, "message", missing ? "no run has a verdict of this test" : "its run ended before it");
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  return out.str();
}

Suite suite_of(const Run& run) {
  Suite suite;
  suite.name = run.suite();
  suite.time = run.lasted();
  suite.started = run.started();
  suite.properties.push_back({"fittest.run_id", run.id()});
  if (run.selection) {
    suite.properties.push_back({"fittest.variant", run.selection->variant});
    suite.properties.push_back({"fittest.chunk", run.selection->chunk});
    if (const auto& split = run.selection->split) {
      suite.properties.push_back({"fittest.group", fmt::format("{} of {}", split->group, split->splits)});
    }
  }
  suite.properties.push_back({"fittest.peak_bytes", std::to_string(run.journal.peak.value)});
  if (const auto& started = run.journal.started) {
    suite.host = started->host;
    suite.properties.push_back({"fittest.budget_bytes", std::to_string(started->budget.value)});
    suite.properties.push_back({"fittest.domain", started->domain});
  }
  return suite;
}

// A suite for each run, then one for each part; of the latter those without a test go.
std::vector<Suite> suites_of(const Merged& merged) {
  std::vector<Suite> suites;
  for (const Run& run : merged.runs) suites.push_back(suite_of(run));
  const std::size_t first_part = suites.size();
  for (const Part& part : merged.parts) {
    Suite& suite = suites.emplace_back();
    suite.name = part.suite + ": without a verdict";
    suite.properties.push_back({"fittest.variant", part.variant});
  }
  for (const MergedTest& test : merged.tests) {
    const bool settled = test.state == MergedTest::State::settled;
    Suite& suite = suites[settled ? test.run : first_part + test.part];
    suite.tests.push_back(&test);
    suite.counts.add(settled ? report::junit_count(test.finished->verdict) : JUnitCount::error);
  }
  suites.erase(std::remove_if(suites.begin() + static_cast<std::ptrdiff_t>(first_part), suites.end(),
                              [](const Suite& suite) { return suite.tests.empty(); }),
               suites.end());
  return suites;
}

// From the first start to the last end.
Seconds span_of(const std::vector<Run>& runs) {
  Seconds end = 0;
  for (const Run& run : runs) end = std::max(end, run.started() + run.lasted());
  return runs.empty() ? 0 : end - runs.front().started();
}

}  // namespace

Result<void> write_junit(const Merged& merged, const std::filesystem::path& file) {
  auto out = AtomicFile::create(file);
  if (!out) return tl::unexpected(out.error());
  const std::vector<Suite> suites = suites_of(merged);
  Counts all;
  for (const Suite& suite : suites) all.add(suite.counts);
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("testsuites");
  set_counts(root, "fittest merge", all, span_of(merged.runs));
  root.append_child(pugi::node_pcdata).set_value("\n");
  const auto [begin, end] = open_element(document, "</testsuites>");
  out->add("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n" + begin);
  for (const Suite& suite : suites) {
    const auto [before, after] = open_suite(suite);
    out->add(before);
    for (const MergedTest* test : suite.tests) {
      out->add("\n");
      out->add(test->finished != nullptr ? report::testcase_xml(*test->finished) : case_without_verdict(*test));
    }
    out->add("\n" + after + "\n");
  }
  out->add(end + "\n");
  return out->commit();
}

}  // namespace fittest::merge
