#include "heap/view/stacks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include "report/width.h"
#include "report/words.h"

namespace fittest::heap {
namespace {

void mix(std::size_t& seed, std::size_t value) {
  seed ^= value + 0x9e3779b97f4a7c15U + (seed << 6U) + (seed >> 2U);
}

struct LineHash {
  std::size_t operator()(const Line& line) const {
    std::size_t seed = std::hash<std::string>()(line.function);
    mix(seed, std::hash<std::string>()(line.file));
    mix(seed, line.line);
    mix(seed, std::hash<std::string>()(line.module));
    mix(seed, line.inlined ? 2 : line.language == Language::python ? 1 : 0);
    return seed;
  }
};

// The kind stands behind the frames.
using Key = std::vector<std::uint32_t>;
struct KeyHash {
  std::size_t operator()(const Key& key) const {
    std::size_t seed = key.size();
    for (const std::uint32_t part : key) mix(seed, part);
    return seed;
  }
};

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// What nobody asks about: the function that gets memory on behalf of whoever called it.
bool is_allocator(const Line& line) {
  if (line.language == Language::python) return false;
  constexpr auto kNames = std::to_array<std::string_view>(
      {"malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "posix_memalign", "memalign", "valloc",
       "pvalloc", "__libc_malloc", "__libc_calloc", "__libc_realloc", "mmap", "mmap64", "mremap", "brk", "sbrk"});
  return base_name(line.module) == "libfittest_heap.so" || line.function.starts_with("operator new") ||
         std::ranges::find(kNames, line.function) != kNames.end();
}

class Gatherer {
 public:
  explicit Gatherer(const NamesOf& names) : names_(names) {}

  void add(const Profile& profile) {
    // Figures come by stack: the names of the last one serve the next kind of the same stack.
    std::uint32_t last_stack = UINT32_MAX;
    Key frames;
    for (const Figures& figures : profile.figures) {
      if (figures.stack != last_stack || frames.empty()) frames = shown_frames(figures.stack);
      last_stack = figures.stack;
      add(frames, figures);
    }
  }
  Stacks take() { return std::move(stacks_); }

 private:
  static constexpr std::uint32_t kNotYet = UINT32_MAX;

  Key shown_frames(std::uint32_t stack) {
    const std::vector<std::uint32_t> numbers = names_.frames(stack);
    // The functions that allocate for others go, but never all that there is.
    std::size_t first = 0;
    while (first + 1 < numbers.size() && is_allocator(names_.line(numbers[first]))) ++first;
    Key out;
    for (std::size_t i = first; i < numbers.size(); ++i) out.push_back(known(numbers[i]));
    if (out.empty()) {
      Line unknown;
      unknown.function = "[stack unknown]";
      out.push_back(number_of(unknown));
    }
    return out;
  }

  std::uint32_t known(std::uint32_t number) {
    if (number >= known_.size()) known_.resize(number + std::size_t{1}, kNotYet);
    if (known_[number] == kNotYet) known_[number] = number_of(names_.line(number));
    return known_[number];
  }

  std::uint32_t number_of(const Line& line) {
    const auto [at, is_new] = lines_.try_emplace(line, static_cast<std::uint32_t>(stacks_.lines.size()));
    if (is_new) stacks_.lines.push_back(line);
    return at->second;
  }

  void add(const Key& frames, const Figures& figures) {
    Key key = frames;
    key.push_back(static_cast<std::uint32_t>(figures.kind));
    const auto [at, is_new] = rows_.try_emplace(std::move(key), stacks_.rows.size());
    if (is_new) stacks_.rows.push_back({.frames = frames, .kind = figures.kind});
    StackRow& row = stacks_.rows[at->second];
    const Amounts amounts = amounts_of(figures);
    heap::add(row.amounts, amounts);
    heap::add(stacks_.sums, amounts);
    row.largest = std::max(row.largest, figures.largest);
  }

  const NamesOf& names_;
  Stacks stacks_;
  std::vector<std::uint32_t> known_;  // by the number that NamesOf gives: the one in Stacks::lines
  std::unordered_map<Line, std::uint32_t, LineHash> lines_;
  std::unordered_map<Key, std::size_t, KeyHash> rows_;
};

}  // namespace

Stacks gather(const Profile& profile, const NamesOf& names) {
  Gatherer gatherer(names);
  gatherer.add(profile);
  return gatherer.take();
}

bool is_pythons(trace::Kind kind) {
  return kind == trace::Kind::python_raw || kind == trace::Kind::python_memory || kind == trace::Kind::python_object;
}

std::vector<const StackRow*> Stacks::ranked(Measure measure) const {
  std::vector<const StackRow*> out;
  for (const StackRow& row : rows) {
    if (of(row.amounts, measure).bytes > 0) out.push_back(&row);
  }
  std::ranges::stable_sort(out, [&](const StackRow* a, const StackRow* b) {
    return of(a->amounts, measure).bytes > of(b->amounts, measure).bytes;
  });
  return out;
}

std::string_view word(trace::Kind kind) {
  constexpr auto kWords =
      std::to_array<std::string_view>({"heap", "mapped", "brk", "python_raw", "python_memory", "python_object"});
  const auto index = static_cast<std::size_t>(kind);
  return index < kWords.size() ? kWords[index] : "unknown";
}

std::string_view describe(trace::Kind kind) {
  switch (kind) {
    case trace::Kind::heap:
      return "";
    case trace::Kind::mapped:
      return "mapped";
    case trace::Kind::brk:
      return "by moving the break";
    case trace::Kind::python_raw:
      return "Python raw memory";
    case trace::Kind::python_memory:
      return "Python memory";
    case trace::Kind::python_object:
      return "Python objects";
  }
  return "";
}

std::string place_of(const Line& line) {
  if (!line.file.empty()) return line.line > 0 ? fmt::format("{}:{}", line.file, line.line) : line.file;
  return std::string(base_name(line.module));
}

namespace {

// "a<b<c>>::d(e<f>)" becomes "a<>::d(e<>)". Not for operators of comparison and shift, which hold such signs.
std::string without_template_arguments(std::string_view name) {
  std::string out;
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool in_operator = out.ends_with("operator") || out.ends_with("operator<") || out.ends_with("operator>") ||
                             out.ends_with("operator-");
    if (name[i] == '<' && !in_operator) {
      if (depth++ == 0) out += "<>";
    } else if (name[i] == '>' && depth > 0) {
      --depth;
    } else if (depth == 0) {
      out += name[i];
    }
  }
  return depth == 0 ? out : std::string(name);
}

}  // namespace

std::string short_function(const std::string& name, std::size_t columns) {
  std::string shown = report::one_line(name);
  if (columns == 0 || report::display_width(shown) <= columns) return shown;
  shown = without_template_arguments(shown);
  return report::shorten_middle(shown, columns);
}

}  // namespace fittest::heap
