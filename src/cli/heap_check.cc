#include "cli/heap_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/refuse.h"
#include "core/bytes.h"
#include "heap/read/trace_reader.h"
#include "heap/symbols/symbols.h"

namespace fittest::cli {
namespace {

constexpr int kBroken = 1;
constexpr std::size_t kMostStacks = 5;
constexpr std::size_t kMostFrames = 20;

struct Asked {
  std::string file;
  std::optional<std::string> memory;
  std::optional<std::string> leaks;
};

std::uint64_t whole(double bytes) {
  return bytes > 0 ? static_cast<std::uint64_t>(bytes + 0.5) : 0;
}

// The stacks of which `amount` says more than nothing, the largest first.
template <typename AmountOf>
std::vector<const heap::Figures*> largest(const heap::Profile& profile, AmountOf amount) {
  std::vector<const heap::Figures*> found;
  for (const heap::Figures& figures : profile.figures) {
    if (amount(figures).count > 0) found.push_back(&figures);
  }
  std::ranges::stable_sort(found, [&](const auto* a, const auto* b) { return amount(*a).bytes > amount(*b).bytes; });
  return found;
}

template <typename AmountOf>
void print_stacks(const heap::Profile& profile, const std::vector<const heap::Figures*>& figures, AmountOf amount) {
  heap::Symbols symbols(profile);
  for (std::size_t i = 0; i < std::min(figures.size(), kMostStacks); ++i) {
    const heap::Amount& of = amount(*figures[i]);
    std::cout << fmt::format("  {} in {:.0f} allocation{}:\n", format_bytes({whole(of.bytes)}), of.count,
                             of.count == 1 ? "" : "s");
    const std::vector<heap::Line> lines = symbols.lines(profile.stacks[figures[i]->stack]);
    for (std::size_t frame = 0; frame < std::min(lines.size(), kMostFrames); ++frame) {
      const heap::Line& line = lines[frame];
      const std::string place = line.file.empty() ? line.module : fmt::format("{}:{}", line.file, line.line);
      std::cout << fmt::format("    {}  {}\n", line.function, place);
    }
    if (lines.size() > kMostFrames) std::cout << fmt::format("    ... {} more frames\n", lines.size() - kMostFrames);
  }
  if (figures.size() > kMostStacks) std::cout << fmt::format("  ...and {} more\n", figures.size() - kMostStacks);
}

bool holds_memory(const heap::Profile& profile, Bytes limit) {
  const std::uint64_t peak = whole(profile.peak.bytes);
  if (peak < limit.value) return true;
  std::cout << fmt::format("limited to {} but allocated {}\n", format_bytes(limit), format_bytes({peak}));
  const auto peak_of = [](const heap::Figures& figures) -> const heap::Amount& { return figures.peak; };
  print_stacks(profile, largest(profile, peak_of), peak_of);
  return false;
}

bool holds_leaks(const heap::Profile& profile, Bytes limit) {
  const auto leaked_of = [](const heap::Figures& figures) -> const heap::Amount& { return figures.leaked; };
  auto leaked = largest(profile, leaked_of);
  std::erase_if(leaked, [&](const heap::Figures* figures) { return whole(figures->leaked.bytes) < limit.value; });
  if (leaked.empty()) return true;
  std::cout << fmt::format("allowed to leak {} per location but at least one location leaked more\n",
                           format_bytes(limit));
  print_stacks(profile, leaked, leaked_of);
  return false;
}

int check(const Asked& asked) {
  std::optional<Bytes> memory, leaks;
  for (const auto& [text, into, option] :
       {std::tuple(&asked.memory, &memory, "--memory"), std::tuple(&asked.leaks, &leaks, "--leaks")}) {
    if (!*text) continue;
    const auto bytes = parse_bytes(**text);
    if (!bytes) return refuse({bytes.error().what, option, bytes.error().remedy});
    *into = *bytes;
  }
  if (!memory && !leaks)
    return refuse({"there is nothing to check", "heap check", "give --memory SIZE or --leaks SIZE"});
  const auto profile = heap::read_profile(asked.file);
  if (!profile) return refuse(profile.error());
  const bool memory_holds = !memory || holds_memory(*profile, *memory);
  const bool leaks_hold = !leaks || holds_leaks(*profile, *leaks);
  return memory_holds && leaks_hold ? 0 : kBroken;
}

}  // namespace

void add_heap_check(CLI::App& heap, std::optional<int>& code) {
  auto asked = std::make_shared<Asked>();
  CLI::App* verb = heap.add_subcommand("check", "Whether what a trace records stays within limits: 0 yes, 1 no");
  verb->add_option("file", asked->file, "The trace")->required()->type_name("FILE");
  verb->add_option("--memory", asked->memory, "It held less than this at its peak: 100MB")->type_name("SIZE");
  verb->add_option("--leaks", asked->leaks, "No stack left so much behind")->type_name("SIZE");
  verb->callback([asked, &code] { code = check(*asked); });
}

}  // namespace fittest::cli
