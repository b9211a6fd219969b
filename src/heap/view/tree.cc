#include "heap/view/tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <unordered_map>

#include "report/width.h"
#include "report/words.h"

namespace fittest::heap {
namespace {

using report::Color;

// How much of a parent one child may be and still count as all of it.
constexpr double kAll = 0.999;
constexpr std::uint32_t kLeftOut = UINT32_MAX;

class Printer {
 public:
  Printer(const Stacks& stacks, const TreeOptions& options, const Look& look)
      : stacks_(stacks), tree_(call_tree(stacks)), options_(options), look_(look), shown_(tree_.nodes.size(), false) {
    choose();
  }

  std::string print() {
    // By hand and not by calls: a stack may be deeper than ours.
    waiting_.push_back({0, "", "", 0});
    while (!waiting_.empty()) {
      const Step step = std::move(waiting_.back());
      waiting_.pop_back();
      if (step.node == kLeftOut) {
        const std::string text =
            fmt::format("... {} in {}", bytes_text(step.rest), report::counted(step.others, "smaller one"));
        out_ += fmt::format("{:{}}{}{}\n", "", kFigures, step.before, look_.style(Color::dim, text));
      } else {
        put(step.node, step.before);
        put_children(step);
      }
    }
    return std::move(out_);
  }

 private:
  static constexpr std::size_t kFigures = 19;  // "412 MiB   67.3 %  "

  struct Step {
    std::uint32_t node = 0;
    std::string before;  // in front of the node itself
    std::string below;   // in front of what it calls
    double rest = 0;     // of kLeftOut: its bytes, and of how many nodes
    std::size_t others = 0;
  };

  [[nodiscard]] double bytes(std::uint32_t node) const { return of(tree_.nodes[node].amounts, options_.by).bytes; }

  // The largest nodes whose parents are shown too.
  void choose() {
    const auto smaller = [&](std::uint32_t a, std::uint32_t b) {
      return bytes(a) != bytes(b) ? bytes(a) < bytes(b) : a > b;
    };
    std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, decltype(smaller)> edge(smaller);
    edge.push(0);
    // The root is no node that a reader counts.
    std::size_t left = options_.limit == 0 ? tree_.nodes.size() : options_.limit + 1;
    for (; left > 0 && !edge.empty(); --left) {
      const std::uint32_t node = edge.top();
      edge.pop();
      shown_[node] = true;
      for (const std::uint32_t child : tree_.nodes[node].children) {
        if (bytes(child) > 0) edge.push(child);
      }
    }
  }

  void put_children(const Step& step) {
    std::vector<std::uint32_t> shown;
    Step others{kLeftOut, step.below + "└ ", "", 0, 0};
    for (const std::uint32_t child : tree_.nodes[step.node].children) {
      if (shown_[child]) {
        shown.push_back(child);
      } else if (bytes(child) > 0) {
        others.rest += bytes(child);
        ++others.others;
      }
    }
    std::ranges::stable_sort(shown, [&](std::uint32_t a, std::uint32_t b) { return bytes(a) > bytes(b); });
    if (shown.size() == 1 && bytes(shown[0]) >= kAll * bytes(step.node)) {
      waiting_.push_back({shown[0], step.below, step.below});
      return;
    }
    // What was put last is taken first.
    const bool with_others = others.others > 0 && !shown.empty();
    if (with_others) waiting_.push_back(others);
    for (std::size_t i = shown.size(); i > 0; --i) {
      const bool is_last = i == shown.size() && !with_others;
      waiting_.push_back({shown[i - 1], step.below + (is_last ? "└ " : "├ "), step.below + (is_last ? "  " : "│ ")});
    }
  }

  void put(std::uint32_t node, const std::string& before) {
    if (node == 0) {
      out_ += fmt::format("{:>8}  {:>7}  {}\n", bytes_text(bytes(0)), "100 %", title(options_.by));
      return;
    }
    const Line& line = stacks_.lines[tree_.nodes[node].frame];
    const std::string place = report::one_line(place_of(line));
    const std::size_t used = kFigures + report::display_width(before);
    std::string name = short_function(line.function, look_.room(used));
    const std::size_t left = look_.room(used + report::display_width(name) + 2, 0);
    std::string shown_place = place;
    if (look_.columns != 0 && report::display_width(place) > left) {
      // The name matters more; a place of a few letters says nothing.
      shown_place = left >= 12 ? report::shorten_middle(place, left) : "";
    }
    out_ += fmt::format("{:>8}  {:>7}  {}{}", bytes_text(bytes(node)), share_text(bytes(node), bytes(0)), before, name);
    if (!shown_place.empty()) out_ += "  " + look_.style(Color::dim, shown_place);
    out_ += '\n';
  }

  const Stacks& stacks_;
  CallTree tree_;
  const TreeOptions& options_;
  const Look& look_;
  std::vector<bool> shown_;
  std::vector<Step> waiting_;
  std::string out_;
};

}  // namespace

CallTree call_tree(const Stacks& stacks) {
  CallTree tree;
  tree.nodes.emplace_back();
  std::unordered_map<std::uint64_t, std::uint32_t> index;  // parent and frame -> node
  for (const StackRow& row : stacks.rows) {
    std::uint32_t at = 0;
    add(tree.nodes[0].amounts, row.amounts);
    for (std::size_t i = row.frames.size(); i > 0; --i) {
      const std::uint32_t frame = row.frames[i - 1];
      const auto number = static_cast<std::uint32_t>(tree.nodes.size());
      const auto [entry, is_new] = index.try_emplace(std::uint64_t{at} << 32U | frame, number);
      if (is_new) {
        tree.nodes.push_back({.frame = frame, .parent = at});
        tree.nodes[at].children.push_back(number);
      }
      at = entry->second;
      add(tree.nodes[at].amounts, row.amounts);
    }
  }
  return tree;
}

std::string tree_text(const Stacks& stacks, const TreeOptions& options, const Look& look) {
  if (!(of(stacks.sums, options.by).bytes > 0)) return "nothing was recorded\n";
  return Printer(stacks, options, look).print();
}

}  // namespace fittest::heap
