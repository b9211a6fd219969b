#include "export/yaml.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "core/utf8.h"
#include "nasty.h"

namespace fittest::exporting {
namespace {

// The tree that a reader has, with every scalar as the text it is.
Yaml read_back(const YAML::Node& node) {
  if (node.IsMap()) {
    Yaml map = Yaml::object();
    for (const auto& item : node) map[item.first.as<std::string>()] = read_back(item.second);
    return map;
  }
  if (node.IsSequence()) {
    Yaml list = Yaml::array();
    for (const auto& item : node) list.push_back(read_back(item));
    return list;
  }
  return node.as<std::string>();
}

// Bytes that are no text, and characters that YAML does not have at all, cannot stand in it.
std::string as_text(const std::string& word) {
  std::string text;
  for (std::string rest = valid_utf8(word); !rest.empty();) {
    const Decoded first = decode_utf8(rest);
    if (first.code != 0xfffe && first.code != 0xffff) text += rest.substr(0, first.length);
    rest.erase(0, first.length);
  }
  return text;
}

std::vector<std::string> texts() {
  std::vector<std::string> all;
  for (const std::string& word : nasty_words()) all.push_back(as_text(word));
  for (NastyWords more; all.size() < 2000;) all.push_back(as_text(more.next()));
  return all;
}

TEST(Yaml, IsReadBackAsItWasGiven) {
  for (const std::string& text : texts()) {
    const Yaml value = {
        {"key", text}, {"list", Yaml::array({text, "x", text})}, {"deep", {{"deeper", {{"text", text}}}}}};
    const std::string yaml = to_yaml(value, "");
    EXPECT_EQ(read_back(YAML::Load(yaml)), value) << yaml;
  }
}

TEST(Yaml, KeysAreReadBackToo) {
  for (const std::string& text : texts()) {
    if (text.size() > 100) continue;  // a long key needs "? "
    const Yaml value = {{text, "x"}, {"last key of all", "y"}};
    const std::string yaml = to_yaml(value, "");
    EXPECT_EQ(read_back(YAML::Load(yaml)), value) << yaml;
  }
}

TEST(Yaml, QuotesWhatOtherReadersTakeForNoString) {
  for (const std::string text :
       {"3.10", "on", "No", "null", "~", "1e3", "0o17", "2001-12-14", "12:30", ".inf", "", "-", "y"})
    EXPECT_EQ(to_yaml({{"a", text}}, ""), "a: \"" + text + "\"\n");
  EXPECT_EQ(to_yaml({{"a", "actions/checkout@v4"}}, ""), "a: actions/checkout@v4\n");
  EXPECT_EQ(to_yaml({{"a", 3}, {"b", true}}, ""), "a: 3\nb: true\n");
}

TEST(Yaml, ShowsSeveralLinesAsABlock) {
  EXPECT_EQ(to_yaml({{"run", "a b\n  c # d\n\ne: f\n"}}, ""), "run: |\n  a b\n    c # d\n\n  e: f\n");
}

TEST(Yaml, PutsCommentsBeforeIt) {
  EXPECT_EQ(to_yaml({{"a", 1}}, "one\n\ntwo"), "# one\n#\n# two\na: 1\n");
}

TEST(Yaml, EmptyListsAndMapsAreThere) {
  EXPECT_EQ(to_yaml({{"a", Yaml::object()}, {"b", Yaml::array()}}, ""), "a: {}\nb: []\n");
}

}  // namespace
}  // namespace fittest::exporting
