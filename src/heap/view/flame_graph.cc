#include "heap/view/flame_graph.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "core/utf8.h"
#include "heap/view/page.h"
#include "heap/view/tree.h"

namespace fittest::heap {
namespace {

using nlohmann::json;

// Of the whole: what is less is thinner than a third of a pixel on 3000 of them.
constexpr double kThinnest = 1e-4;

bool can_be_seen(const Amounts& amounts, const Amounts& whole) {
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    if (amounts[i].bytes > 0 && amounts[i].bytes >= kThinnest * whole[i].bytes) return true;
  }
  return false;
}

std::string_view kind_of(const Line& line) {
  if (line.language == Language::python) return "python";
  return line.inlined ? "inlined" : "native";
}

// A node behind its parent: from the last to the first, each is whole when it is put into its parent.
json calls_of(const CallTree& tree, const Amounts& whole, const std::vector<Measure>& measures, Measure first) {
  std::vector<json> made(tree.nodes.size());
  for (std::size_t i = tree.nodes.size(); i > 0; --i) {
    const CallTree::Node& node = tree.nodes[i - 1];
    if (i > 1 && !can_be_seen(node.amounts, whole)) continue;
    json bytes = json::array();
    for (const Measure measure : measures) {
      bytes.push_back(std::max<std::int64_t>(0, std::llround(of(node.amounts, measure).bytes)));
    }
    std::vector<std::uint32_t> children = node.children;
    std::ranges::stable_sort(children, [&](std::uint32_t a, std::uint32_t b) {
      return of(tree.nodes[a].amounts, first).bytes > of(tree.nodes[b].amounts, first).bytes;
    });
    json calls = json::array();
    for (const std::uint32_t child : children) {
      if (!made[child].is_null()) calls.push_back(std::move(made[child]));
    }
    // Frame 0 of the page is the root's.
    made[i - 1] = json::array({i == 1 ? 0 : node.frame + 1, std::move(bytes), std::move(calls)});
  }
  return std::move(made[0]);
}

// Nothing in a script element may look like the end of it, or like a comment's beginning.
std::string for_script_element(std::string text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string flame_graph_html(const Stacks& stacks, const std::string& program, const std::string& about,
                             Measure first) {
  json frames = json::array();
  frames.push_back({valid_utf8(program), "", "root"});
  for (const Line& line : stacks.lines) {
    frames.push_back({valid_utf8(line.function), valid_utf8(place_of(line)), kind_of(line)});
  }
  // What there is nothing of would be an empty page.
  std::vector<Measure> shown;
  for (const Measure measure : kMeasures) {
    if (measure == first || of(stacks.sums, measure).bytes > 0) shown.push_back(measure);
  }
  json measures = json::array();
  for (const Measure measure : shown) measures.push_back({{"word", word(measure)}, {"title", title(measure)}});
  const json data = {
      {"program", valid_utf8(program)}, {"about", valid_utf8(about)},
      {"first", word(first)},           {"measures", std::move(measures)},
      {"frames", std::move(frames)},    {"root", calls_of(call_tree(stacks), stacks.sums, shown, first)}};
  constexpr std::string_view kPlace = ">DATA<";
  const std::string_view page = flame_page();
  const std::size_t at = page.find(kPlace);
  std::string out(page.substr(0, at + 1));
  out += for_script_element(data.dump());
  out += page.substr(at + kPlace.size() - 1);
  return out;
}

}  // namespace fittest::heap
