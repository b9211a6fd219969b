#include "export/yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "core/utf8.h"

namespace fittest::exporting {
namespace {

// Words that YAML 1.1 or 1.2 reads as something else than a string; in lower case.
constexpr std::array<std::string_view, 11> kReserved = {"null", "true", "false", "yes",  "no",  "on",
                                                        "off",  "y",    "n",     ".inf", ".nan"};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Narrower than what YAML allows without quotes, so that nothing needs to be known of its numbers and dates.
bool needs_no_quotes(std::string_view text) {
  constexpr std::string_view kInside = "_-./@ ()";
  const std::string_view word = text.starts_with('.') ? text.substr(1) : text;
  if (word.empty() || !is_letter(word.front()) || word.back() == ' ') return false;
  if (!std::ranges::all_of(text, [&](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || kInside.find(c) != std::string_view::npos;
      }))
    return false;
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return std::ranges::find(kReserved, lower) == kReserved.end();
}

// A block has no escapes, takes its indentation from its first line, and ends with one line feed.
bool fits_a_block(std::string_view text) {
  if (text.size() < 2 || text.front() == ' ' || text.front() == '\n' || !text.ends_with('\n')) return false;
  if (text.ends_with("\n\n") || text.find(" \n") != std::string_view::npos) return false;
  while (!text.empty()) {
    const Decoded first = decode_utf8(text);
    const bool shown = (first.code >= 0x20 && first.code < 0x7f) || first.code == '\n' ||
                       (first.code >= 0xa0 && first.code < 0x2028) || (first.code > 0x2029 && first.code < 0xd800);
    if (first.kind != Decoded::Kind::valid || !shown) return false;
    text.remove_prefix(first.length);
  }
  return true;
}

void emit(YAML::Emitter& out, const Yaml& value);

void emit_text(YAML::Emitter& out, const std::string& text) {
  if (fits_a_block(text)) {
    out << YAML::Literal << text.substr(0, text.size() - 1);  // the last line feed is the block's own
  } else if (needs_no_quotes(text)) {
    out << text;
  } else {
    out << YAML::DoubleQuoted << text;
  }
}

void emit_list(YAML::Emitter& out, const Yaml& list) {
  // A list of short values stands in one line, where no block can be.
  const bool short_list = std::ranges::none_of(list, [](const Yaml& item) {
    if (!item.is_string()) return item.is_structured();
    const auto& text = item.get_ref<const std::string&>();
    return text.size() > 20 || text.find('\n') != std::string::npos;
  });
  out << (short_list ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
  for (const Yaml& item : list) emit(out, item);
  out << YAML::EndSeq;
}

void emit_map(YAML::Emitter& out, const Yaml& map) {
  out << (map.empty() ? YAML::Flow : YAML::Block) << YAML::BeginMap;
  for (const auto& [key, value] : map.items()) {
    out << YAML::Key;
    emit_text(out, key);
    out << YAML::Value;
    emit(out, value);
  }
  out << YAML::EndMap;
}

void emit(YAML::Emitter& out, const Yaml& value) {
  switch (value.type()) {
    case Yaml::value_t::object:
      return emit_map(out, value);
    case Yaml::value_t::array:
      return emit_list(out, value);
    case Yaml::value_t::string:
      return emit_text(out, value.get_ref<const std::string&>());
    case Yaml::value_t::boolean:
      out << value.get<bool>();
      return;
    case Yaml::value_t::number_integer:
    case Yaml::value_t::number_unsigned:
      out << value.get<std::int64_t>();
      return;
    default:
      throw std::logic_error("a value of a kind that is not written as YAML");
  }
}

}  // namespace

std::string to_yaml(const Yaml& value, std::string_view head) {
  std::string text;
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find('\n'));
    text += line.empty() ? "#\n" : "# " + std::string(line) + "\n";
    head.remove_prefix(std::min(head.size(), line.size() + 1));
  }
  YAML::Emitter out;
  emit(out, value);
  if (!out.good()) throw std::logic_error("YAML: " + out.GetLastError());
  return text + out.c_str() + "\n";
}

}  // namespace fittest::exporting
