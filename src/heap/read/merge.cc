#include "heap/read/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace fittest::heap {
namespace {

void add(trace::Counters& sum, const trace::Counters& counters) {
  sum.live += counters.live;
  sum.peak += counters.peak;
  sum.allocated += counters.allocated;
  sum.allocations += counters.allocations;
  sum.frees += counters.frees;
  sum.mapped += counters.mapped;
  sum.mappings += counters.mappings;
  sum.threads = std::max(sum.threads, counters.threads);
}

struct SameStack {
  std::size_t operator()(const Stack* stack) const {
    std::uint64_t hash = stack->native.size();
    const auto mix = [&hash](std::uint64_t value) {
      hash = (hash ^ value) * 0x9E37'79B9'7F4A'7C15U;
      hash ^= hash >> 32;
    };
    for (const NativeFrame& frame : stack->native) mix(frame.address ^ (std::uint64_t{frame.module} << 48));
    for (const PythonFrame& frame : stack->python) {
      mix(((std::uint64_t{frame.code} << 32) | frame.offset) ^ (std::uint64_t{frame.entry} << 63));
    }
    return static_cast<std::size_t>(hash);
  }
  bool operator()(const Stack* a, const Stack* b) const { return a->native == b->native && a->python == b->python; }
};

// Puts profiles into one, each definition once.
class Merger {
 public:
  // The numbers that a profile's definitions have in the result.
  struct Numbers {
    std::vector<std::uint32_t> modules, codes, stacks;
  };

  Numbers add(Profile& from) {
    Numbers numbers;
    for (Module& module : from.modules) numbers.modules.push_back(number(std::move(module)));
    for (Code& code : from.codes) numbers.codes.push_back(number(std::move(code)));
    for (Stack& stack : from.stacks) {
      for (NativeFrame& frame : stack.native) {
        if (frame.module != kNoModule) frame.module = numbers.modules[frame.module];
      }
      for (PythonFrame& frame : stack.python) frame.code = numbers.codes[frame.code];
      numbers.stacks.push_back(number(std::move(stack)));
    }
    for (Figures figures : from.figures) {
      figures.stack = numbers.stacks[figures.stack];
      const auto [place, fresh] = figures_.emplace(std::pair(figures.stack, figures.kind), figures);
      if (fresh) continue;
      Figures& sum = place->second;
      sum.total += figures.total;
      sum.peak += figures.peak;
      sum.leaked += figures.leaked;
      sum.temporary += figures.temporary;
      sum.largest = std::max(sum.largest, figures.largest);
    }
    return numbers;
  }

  void finish(Profile& into) && {
    into.modules.clear();
    for (auto& [key, index] : modules_) at(into.modules, index) = key.module();
    into.codes.clear();
    for (auto& [key, index] : codes_) at(into.codes, index) = key.code();
    into.stacks.clear();
    for (auto& stack : stacks_) into.stacks.push_back(std::move(*stack));
    into.figures.clear();
    for (auto& [key, figures] : figures_) into.figures.push_back(figures);
  }

 private:
  struct ModuleKey {
    std::string path, build_id;
    std::uint64_t bias, begin, end;
    auto operator<=>(const ModuleKey&) const = default;
    [[nodiscard]] Module module() const { return {path, build_id, bias, begin, end}; }
  };
  struct CodeKey {
    std::string name, file;
    std::uint32_t first_line, python_minor;
    std::string line_table;
    auto operator<=>(const CodeKey&) const = default;
    [[nodiscard]] Code code() const { return {name, file, first_line, python_minor, line_table}; }
  };
  template <typename T>
  static T& at(std::vector<T>& list, std::uint32_t index) {
    if (index >= list.size()) list.resize(index + 1);
    return list[index];
  }
  std::uint32_t number(Module&& module) {
    return modules_
        .emplace(ModuleKey{std::move(module.path), std::move(module.build_id), module.bias, module.begin, module.end},
                 static_cast<std::uint32_t>(modules_.size()))
        .first->second;
  }
  std::uint32_t number(Code&& code) {
    return codes_
        .emplace(CodeKey{std::move(code.name), std::move(code.file), code.first_line, code.python_minor,
                         std::move(code.line_table)},
                 static_cast<std::uint32_t>(codes_.size()))
        .first->second;
  }
  std::uint32_t number(Stack&& stack) {
    const auto known = numbers_.find(&stack);
    if (known != numbers_.end()) return known->second;
    const auto index = static_cast<std::uint32_t>(stacks_.size());
    stacks_.push_back(std::make_unique<Stack>(std::move(stack)));
    numbers_.emplace(stacks_.back().get(), index);
    return index;
  }

  std::map<ModuleKey, std::uint32_t> modules_;
  std::map<CodeKey, std::uint32_t> codes_;
  std::vector<std::unique_ptr<Stack>> stacks_;
  std::unordered_map<const Stack*, std::uint32_t, SameStack, SameStack> numbers_;
  std::map<std::pair<std::uint32_t, trace::Kind>, Figures> figures_;
};

// Of those that the first has, too, once.
void add_notes(std::vector<Note>& notes, const std::vector<Note>& more) {
  for (const Note& note : more) {
    const auto same = [&note](const Note& other) { return other.key == note.key && other.value == note.value; };
    if (std::ranges::none_of(notes, same)) notes.push_back(note);
  }
}

}  // namespace

Profile merge(std::vector<Profile> profiles) {
  return merge_with_numbers(std::move(profiles)).profile;
}

Merged merge_with_numbers(std::vector<Profile> profiles) {
  Merged merged;
  if (profiles.empty()) return merged;
  Merger merger;
  Profile& result = merged.profile;
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    Profile& profile = profiles[i];
    const std::vector<std::uint32_t>& numbers = merged.stacks.emplace_back(merger.add(profile).stacks);
    if (profiles.size() > 1) {
      for (std::string& problem : profile.problems) problem = fmt::format("process {}: {}", profile.process, problem);
    }
    if (i == 0) {
      for (TestProfile& test : profile.tests) {
        for (TestFigures& figures : test.figures) figures.stack = numbers[figures.stack];
      }
      result = std::move(profile);
      continue;
    }
    add(result.counters, profile.counters);
    // A child's start is what the parent held already.
    result.lost += profile.lost;
    if (profile.ending == Ending::cut_off && result.ending == Ending::ended) result.ending = Ending::cut_off;
    if (profile.ending == Ending::running) result.ending = Ending::running;
    result.milliseconds = std::max(result.milliseconds, profile.milliseconds);
    result.records += profile.records;
    result.unknown_frees += profile.unknown_frees;
    result.inherited_frees += profile.inherited_frees;
    result.total += profile.total;
    result.peak += profile.peak;
    result.leaked += profile.leaked;
    result.temporary += profile.temporary;
    auto& counts = result.sizes.counts;
    counts.resize(std::max(counts.size(), profile.sizes.counts.size()));
    for (std::size_t bucket = 0; bucket < profile.sizes.counts.size(); ++bucket) {
      counts[bucket] += profile.sizes.counts[bucket];
    }
    add_notes(result.notes, profile.notes);
    result.problems.insert(result.problems.end(), profile.problems.begin(), profile.problems.end());
  }
  std::move(merger).finish(result);
  return merged;
}

}  // namespace fittest::heap
