#include "cli/heap_growth.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/refuse.h"
#include "core/bytes.h"
#include "heap/read/trace_reader.h"
#include "heap/symbols/symbols.h"
#include "heap/view/growth.h"
#include "heap/view/json.h"
#include "heap/view/stacks.h"

namespace fittest::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kMostStacks = 10;
constexpr std::size_t kMostFrames = 12;

struct Asked {
  std::string file;
  bool as_json = false;
};

std::string bytes(double amount) {
  return format_bytes({static_cast<std::uint64_t>(std::max(amount, 0.0) + 0.5)});
}

json growth_json(const heap::Growth& growth, const std::vector<heap::Line>& lines) {
  json frames = json::array();
  for (const heap::Line& line : lines) frames.push_back(heap::frame_json(line));
  return {
      {"kind", heap::word(growth.kind)},   {"grows", growth.grows()},   {"bytes_per_repetition", growth.slope.per_step},
      {"error_bytes", growth.slope.error}, {"held_bytes", growth.held}, {"frames", std::move(frames)}};
}

void print_stack(const std::vector<heap::Line>& lines) {
  for (std::size_t i = 0; i < std::min(lines.size(), kMostFrames); ++i) {
    std::cout << fmt::format("    {}  {}\n", lines[i].function, heap::place_of(lines[i]));
  }
  if (lines.size() > kMostFrames) std::cout << fmt::format("    ... {} more frames\n", lines.size() - kMostFrames);
}

void print(const std::vector<heap::Growth>& all, std::size_t repetitions, const heap::LinesOf& lines_of) {
  const auto grow = static_cast<std::size_t>(std::ranges::count_if(all, &heap::Growth::grows));
  std::cout << fmt::format("{} repetitions: {} stacks grow with each, {} keep what they hold\n", repetitions, grow,
                           all.size() - grow);
  for (std::size_t i = 0; i < std::min(grow, kMostStacks); ++i) {
    std::cout << fmt::format("  {} ± {} more with each, {} after the last\n", bytes(all[i].slope.per_step),
                             bytes(all[i].slope.error), bytes(all[i].held.back()));
    print_stack(lines_of(all[i].stack));
  }
  if (grow > kMostStacks) std::cout << fmt::format("  ...and {} more\n", grow - kMostStacks);
}

// Names each stack once, and knows which look the same.
class ShownStacks {
 public:
  explicit ShownStacks(const heap::Profile& profile) : profile_(profile), symbols_(profile) {}

  std::uint32_t first_like(std::uint32_t stack) {
    if (const auto known = first_.find(stack); known != first_.end()) return known->second;
    std::vector<heap::Line> lines = symbols_.lines(profile_.stacks[stack]);
    std::string key;
    for (const heap::Line& line : lines) key += fmt::format("{}\n{}\n{}\n", line.function, place(line), line.line);
    const std::uint32_t first = by_text_.try_emplace(key, stack).first->second;
    if (first == stack) lines_[stack] = std::move(lines);
    return first_[stack] = first;
  }
  [[nodiscard]] const std::vector<heap::Line>& lines(std::uint32_t first) const { return lines_.at(first); }

 private:
  static const std::string& place(const heap::Line& line) { return line.file.empty() ? line.module : line.file; }
  const heap::Profile& profile_;
  heap::Symbols symbols_;
  std::unordered_map<std::uint32_t, std::uint32_t> first_;
  std::unordered_map<std::string, std::uint32_t> by_text_;
  std::unordered_map<std::uint32_t, std::vector<heap::Line>> lines_;
};

int growth(const Asked& asked) {
  heap::Held held;
  heap::ReadOptions options;
  options.on_alive = [&](std::vector<heap::AliveFigures> alive) { held.push_back(std::move(alive)); };
  const auto profile = heap::read_profile(asked.file, std::move(options));
  if (!profile) return refuse(profile.error());
  if (held.size() < heap::kLeastRepetitions) {
    return refuse({fmt::format("the trace has {} marks of repetitions, and {} are the least that say anything",
                               held.size(), heap::kLeastRepetitions),
                   asked.file, "repeat the work between fittest_heap_mark(\"1\") and fittest_heap_mark(\"\")"});
  }
  ShownStacks shown(*profile);
  const std::vector<heap::Growth> all =
      heap::growth_of(heap::join_stacks(held, [&](std::uint32_t stack) { return shown.first_like(stack); }));
  if (!asked.as_json) {
    print(all, held.size(), [&](std::uint32_t stack) { return shown.lines(stack); });
    return 0;
  }
  json stacks = json::array();
  for (const heap::Growth& one : all) stacks.push_back(growth_json(one, shown.lines(one.stack)));
  std::cout << json{{"repetitions", held.size()}, {"problems", profile->problems}, {"stacks", std::move(stacks)}}.dump(
                   1, ' ', false, json::error_handler_t::replace)
            << "\n";
  return 0;
}

}  // namespace

void add_heap_growth(CLI::App& heap, std::optional<int>& code) {
  auto asked = std::make_shared<Asked>();
  CLI::App* verb = heap.add_subcommand("growth", "What grows with each marked repetition in a trace, and what settles");
  verb->add_option("FILE", asked->file, "The trace")->required();
  verb->add_flag("--json", asked->as_json, "For programs");
  verb->callback([asked, &code] { code = growth(*asked); });
}

}  // namespace fittest::cli
