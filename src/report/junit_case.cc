#include "report/junit_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>
#include <vector>

#include "core/utf8.h"

namespace fittest::report {
namespace {

// Readers of XML refuse text nodes of some ten megabytes; nobody reads a failure as long.
constexpr std::size_t kLongestText = 1 << 20;

std::string shortened(const std::string& text) {
  if (text.size() <= kLongestText) return text;
  const std::size_t half = kLongestText / 2;
  return text.substr(0, half) + fmt::format("\n[... {} bytes left out ...]\n", text.size() - 2 * half) +
         text.substr(text.size() - half);
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

void set(pugi::xml_node node, const char* attribute, const std::string& value) {
  node.append_attribute(attribute).set_value(value.c_str());
}

void add_property(pugi::xml_node properties, const char* key, const std::string& value) {
  pugi::xml_node property = properties.append_child("property");
  set(property, "name", key);
  set(property, "value", value);
}

std::string print(const pugi::xml_document& document) {
  std::ostringstream out;
  document.first_child().print(out, "", pugi::format_raw, pugi::encoding_utf8);
  return out.str();
}

// failure, error or skipped; nothing for a test that passed. `detail` and `message` are XML text already.
void add_outcome(pugi::xml_node testcase, Verdict verdict, const std::string& detail, const std::string& message) {
  const JUnitCount count = junit_count(verdict);
  if (count == JUnitCount::passed) return;
  const char* element = count == JUnitCount::failure ? "failure" : count == JUnitCount::error ? "error" : "skipped";
  pugi::xml_node node = testcase.append_child(element);
  std::string type(name(verdict));
  if (verdict == Verdict::skipped) type = "pytest.skip";
  if (verdict == Verdict::xfailed) type = "pytest.xfail";
  set(node, "type", type);
  const std::string brief = !detail.empty() ? detail : first_line(message);
  set(node, "message", brief.empty() ? std::string(name(verdict)) : brief);
  if (!message.empty()) node.append_child(pugi::node_pcdata).set_value(message.c_str());
}

}  // namespace

TestAddress junit_address(std::string_view id) {
  const std::size_t bracket = std::min(id.find('['), id.size());
  std::string_view path = id.substr(0, bracket);
  std::vector<std::string> names;
  while (true) {
    const std::size_t colons = path.find("::");
    names.emplace_back(path.substr(0, colons));
    if (colons == std::string_view::npos) break;
    path.remove_prefix(colons + 2);
  }
  std::string& file = names.front();
  std::replace(file.begin(), file.end(), '/', '.');
  if (file.ends_with(".py")) file.resize(file.size() - 3);
  names.back() += id.substr(bracket);
  TestAddress address;
  address.name = std::move(names.back());
  names.pop_back();
  for (const std::string& part : names) address.classname += (address.classname.empty() ? "" : ".") + part;
  return address;
}

std::string xml_text(std::string_view text) {
  const std::string valid = valid_utf8(text);
  std::string out;
  out.reserve(valid.size());
  for (std::size_t i = 0; i < valid.size();) {
    const Decoded next = decode_utf8(std::string_view(valid).substr(i));
    const char32_t code = next.code;
    const bool control = code < 0x20 && code != '\t' && code != '\n' && code != '\r';
    if (control || code == 0x7F) {
      out += fmt::format("#x{:02X}", static_cast<unsigned>(code));
    } else if (code == 0xFFFE || code == 0xFFFF) {
      out += fmt::format("#x{:04X}", static_cast<unsigned>(code));
    } else {
      out.append(valid, i, next.length);
    }
    i += next.length;
  }
  return out;
}

JUnitCount junit_count(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
    case Verdict::xpassed:
      return JUnitCount::passed;
    case Verdict::failed:
    case Verdict::timed_out:
    case Verdict::over_limit:
    case Verdict::over_budget:
      return JUnitCount::failure;
    case Verdict::error:
    case Verdict::crashed:
      return JUnitCount::error;
    case Verdict::skipped:
    case Verdict::xfailed:
    case Verdict::not_run:
      return JUnitCount::skipped;
  }
  return JUnitCount::error;
}

std::string testcase_xml(const TestFinished& test) {
  pugi::xml_document document;
  pugi::xml_node testcase = document.append_child("testcase");
  const TestAddress address = junit_address(test.id);
  set(testcase, "classname", xml_text(address.classname));
  set(testcase, "name", xml_text(address.name));
  set(testcase, "time", fmt::format("{:.3f}", std::max(test.duration, 0.0)));
  pugi::xml_node properties = testcase.append_child("properties");
  add_property(properties, "fittest.verdict", std::string(name(test.verdict)));
  if (test.peak) add_property(properties, "fittest.peak_bytes", std::to_string(test.peak->value));
  if (test.retained) add_property(properties, "fittest.retained_bytes", std::to_string(test.retained->value));
  add_outcome(testcase, test.verdict, xml_text(shortened(test.detail)), xml_text(shortened(test.message)));
  return print(document);
}

std::string amended_testcase_xml(const std::string& testcase, const TestAmended& amended) {
  pugi::xml_document document;
  document.load_buffer(testcase.data(), testcase.size(), pugi::parse_full | pugi::parse_ws_pcdata, pugi::encoding_utf8);
  pugi::xml_node node = document.first_child();
  const std::string verdict(name(amended.verdict));
  node.child("properties")
      .find_child_by_attribute("name", "fittest.verdict")
      .attribute("value")
      .set_value(verdict.c_str());
  std::string message;
  for (const char* element : {"failure", "error", "skipped"}) {
    message += node.child(element).child_value();
    node.remove_child(element);
  }
  add_outcome(node, amended.verdict, xml_text(shortened(amended.detail)), message);
  return print(document);
}

}  // namespace fittest::report
