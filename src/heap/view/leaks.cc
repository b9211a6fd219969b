#include "heap/view/leaks.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "select/pattern.h"

namespace fittest::heap {
namespace {

constexpr unsigned kKindBits = 8;

// Of a sum, a part that is in it. What is left of rounding is nothing.
Amount without(Amount sum, const Amount& part) {
  sum.bytes = std::max(sum.bytes - part.bytes, 0.0);
  sum.count = std::max(sum.count - part.count, 0.0);
  sum.variance = std::max(sum.variance - part.variance, 0.0);
  if (sum.count < 0.5) return {};
  return sum;
}

// The function at the inner end of a stack. One function's lines are reached by other paths through the interpreter.
std::uint64_t innermost(const Stack& stack) {
  if (!stack.python.empty()) return std::uint64_t{stack.python.front().code} | (std::uint64_t{1} << 63);
  return stack.native.empty() ? 0 : stack.native.front().address;
}

// Where pytest calls what is not its own. Also in find_leaks.py.
struct Door {
  std::string_view function, file;  // the ends of both
  bool to_test = false;             // not to a fixture
};
constexpr std::array<Door, 4> kDoors{{{"pytest_pyfunc_call", "_pytest/python.py", true},
                                      {"call_fixture_func", "_pytest/fixtures.py", false},
                                      {"_callTestMethod", "unittest/case.py", true},
                                      {"_callSetUp", "unittest/case.py", false}}};
constexpr std::array<std::string_view, 3> kFrameworks{"_pytest/", "<fittest>/", "/pluggy/"};

const Door* door_of(const Line& line) {
  if (line.language != Language::python) return nullptr;
  const std::string_view function = line.function;
  const std::size_t dot = function.rfind('.');
  const std::string_view name = dot == std::string_view::npos ? function : function.substr(dot + 1);
  const auto found = std::ranges::find_if(
      kDoors, [&](const Door& door) { return name == door.function && line.file.ends_with(door.file); });
  return found == kDoors.end() ? nullptr : &*found;
}

bool is_frameworks(const Line& line) {
  return std::ranges::any_of(kFrameworks,
                             [&](std::string_view part) { return line.file.find(part) != std::string::npos; });
}

bool is_import(const Line& line) {
  return line.language == Language::python && line.function == "_find_and_load" &&
         line.file == "<frozen importlib._bootstrap>";
}

using Frames = std::vector<std::uint32_t>;

// A stack as it is listed.
struct Cut {
  Frames whole;   // up to where the test or its fixture was called, the test's own function included
  Frames common;  // what may be that of other tests as well; what stacks are compared by
  bool frameworks = false;
  bool import = false;
};

class Cutter {
 public:
  explicit Cutter(const NamesOf& names) : names_(names) {}

  [[nodiscard]] Cut cut(Frames frames) const {
    Cut cut;
    std::size_t end = 0;
    const Door* door = nullptr;
    while (end < frames.size() && (door = door_of(names_.line(frames[end]))) == nullptr) ++end;
    cut.frameworks = door == nullptr ? any(frames, is_frameworks) : end == 0;
    frames.resize(end);
    // A module's own allocations are hundreds of stacks: what was imported, and by whom, says it.
    for (std::size_t i = end; i-- > 0;) {
      if (!is_import(names_.line(frames[i]))) continue;
      frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(i));
      cut.import = true;
      break;
    }
    cut.common = frames;
    if (door != nullptr && door->to_test) leave_off_test(cut);
    cut.whole = std::move(frames);
    return cut;
  }

 private:
  [[nodiscard]] bool any(const Frames& frames, bool (*is)(const Line&)) const {
    return std::ranges::any_of(frames, [&](std::uint32_t frame) { return is(names_.line(frame)); });
  }
  [[nodiscard]] bool is_python(std::uint32_t frame) const { return names_.line(frame).language == Language::python; }

  // Its function is the outermost of Python. Without another one inside, the place in it is all there is.
  void leave_off_test(Cut& cut) const {
    Frames& frames = cut.common;
    std::size_t test = frames.size();
    while (test > 0 && !is_python(frames[test - 1])) --test;
    if (test == 0) return;
    const auto inner = frames.begin() + static_cast<std::ptrdiff_t>(test) - 1;
    const std::size_t within = cut.import ? 1 : 0;  // the import itself
    if (std::count_if(frames.begin(), inner, [&](std::uint32_t frame) { return is_python(frame); }) >
        static_cast<std::ptrdiff_t>(within)) {
      frames.erase(inner, frames.end());
    }
  }

  const NamesOf& names_;
};

// How the tests of one process came by.
struct Course {
  std::uint32_t first = UINT32_MAX, last = 0;
  std::set<std::uint32_t> left;
  Amount alive;

  [[nodiscard]] Looks looks() const {
    if (left.empty()) return Looks::unknown;
    const std::uint32_t latest = *left.rbegin();
    if (latest < last && (latest - first) * std::uint64_t{2} <= last - first) {
      return alive.bytes > error_of(alive) ? Looks::cache : Looks::unknown;
    }
    return left.size() > 1 ? Looks::leak : Looks::unknown;
  }
};

// What one entry of the list is made of.
struct Group {
  Frames frames;
  bool mapped = false;
  bool frameworks = false;
  bool import = false;
  bool leak = false, cache = false;  // in some process
  Amount kept = {};
  std::map<std::string, LeakOfTest> tests = {};

  [[nodiscard]] Looks looks() const {
    if (import) return Looks::cache;
    return leak ? Looks::leak : cache ? Looks::cache : Looks::unknown;
  }
};

class Grouper {
 public:
  Grouper(const NamesOf& names, const LeakOptions& options) : names_(names), options_(options), cutter_(names) {}

  void add(const TestLeftovers& process) {
    std::map<std::size_t, Course> courses;
    for (const StackOfTests& stack : process.stacks) {
      const std::size_t at = group_of(stack);
      Group& group = groups_[at];
      Course& course = courses[at];
      course.first = std::min(course.first, stack.first);
      course.last = std::max(course.last, stack.last);
      group.kept += stack.kept;
      for (const LeftByTest& left : stack.left) {
        course.left.insert(left.test);
        course.alive += left.alive;
        LeakOfTest& test = group.tests[process.tests[left.test]];
        test.kept += left.kept;
        test.alive += left.alive;
      }
    }
    for (const auto& [at, course] : courses) {
      const Looks looks = course.looks();
      groups_[at].leak |= looks == Looks::leak;
      groups_[at].cache |= looks == Looks::cache;
    }
  }

  Leaks take() {
    Leaks out;
    std::set<std::string> leaving;
    for (Group& group : groups_) {
      Leak leak = leak_of(group);
      if (leak.tests.empty()) continue;
      if (group.frameworks) {
        out.frameworks += leak.alive;
        continue;
      }
      out.alive += leak.alive;
      for (const LeakOfTest& test : leak.tests) leaving.insert(test.name);
      out.stacks.push_back(std::move(leak));
    }
    out.leaving = leaving.size();
    std::ranges::stable_sort(out.stacks, [](const Leak& a, const Leak& b) { return a.alive.bytes > b.alive.bytes; });
    name(out);
    return out;
  }

 private:
  static constexpr std::uint32_t kPool = UINT32_MAX;  // a frame of its own

  std::size_t group_of(const StackOfTests& stack) {
    Cut cut;
    if (options_.is_pool && options_.is_pool(stack)) {
      cut.whole = cut.common = {kPool};
    } else {
      cut = cutter_.cut(names_.frames(stack.stack));
    }
    const bool mapped = is_mapping(stack.kind);
    const auto [known, made] = by_frames_.try_emplace({cut.common, mapped, cut.frameworks}, groups_.size());
    if (made) {
      groups_.push_back(
          {.frames = std::move(cut.whole), .mapped = mapped, .frameworks = cut.frameworks, .import = cut.import});
    } else if (Frames& frames = groups_[known->second].frames; frames != cut.whole) {
      frames = std::move(cut.common);
    }
    return known->second;
  }

  Leak leak_of(Group& group) const {
    Leak leak;
    leak.frames = group.frames;
    leak.mapped = group.mapped;
    leak.looks = group.looks();
    std::optional<select::Pattern> wanted;
    if (options_.test) wanted = select::Pattern::glob(*options_.test, {"::*", "[*"});
    for (auto& [name, test] : group.tests) {
      if (wanted && !wanted->matches(name)) continue;
      test.name = name;
      leak.alive += test.alive;
      leak.kept += test.kept;
      leak.tests.push_back(test);
    }
    if (!wanted) leak.kept = group.kept;  // also by tests of which all was freed later
    std::ranges::stable_sort(leak.tests,
                             [](const LeakOfTest& a, const LeakOfTest& b) { return a.alive.bytes > b.alive.bytes; });
    return leak;
  }

  // Numbers of `names` become those of the result.
  void name(Leaks& out) const {
    std::unordered_map<std::uint32_t, std::uint32_t> numbers;
    for (Leak& leak : out.stacks) {
      if (leak.frames.empty()) leak.frames = {kPool - 1};
      for (std::uint32_t& frame : leak.frames) {
        const auto [known, made] = numbers.try_emplace(frame, static_cast<std::uint32_t>(out.lines.size()));
        if (made) out.lines.push_back(line_of(frame));
        frame = known->second;
      }
    }
  }
  [[nodiscard]] Line line_of(std::uint32_t frame) const {
    Line line;
    if (frame == kPool) {
      line.function = "[Python's pool of small objects]";
    } else if (frame == kPool - 1) {
      line.function = "[stack unknown]";
    } else {
      line = names_.line(frame);
    }
    return line;
  }

  const NamesOf& names_;
  const LeakOptions& options_;
  Cutter cutter_;
  std::map<std::tuple<Frames, bool, bool>, std::size_t> by_frames_;
  std::vector<Group> groups_;
};

}  // namespace

void LeftoverSums::add(const TestProfile& test) {
  ++ended_;
  for (const TestFigures& figures : test.figures) {
    const std::uint64_t key = (std::uint64_t{figures.stack} << kKindBits) | static_cast<std::uint64_t>(figures.kind);
    const auto [sum, made] = sums_.try_emplace(key);
    if (made) sum->second.first = test.index;
    sum->second.last = test.index;
    sum->second.kept += figures.kept;
    kept_ += figures.kept;
  }
}

TestLeftovers LeftoverSums::take(const Profile& profile) const {
  TestLeftovers out;
  out.ended = ended_;
  out.kept = kept_;
  out.tests.resize(profile.tests.size());
  std::unordered_map<std::uint64_t, std::vector<LeftByTest>> left;
  std::set<std::uint64_t> functions;
  for (const TestProfile& test : profile.tests) {
    if (!test.ended) continue;
    for (const TestFigures& figures : test.figures) {
      if (!(figures.alive.bytes > 0)) continue;
      out.tests[test.index] = test.name;
      const std::uint64_t key = (std::uint64_t{figures.stack} << kKindBits) | static_cast<std::uint64_t>(figures.kind);
      left[key].push_back({test.index, figures.kept, figures.alive});
      functions.insert(innermost(profile.stacks[figures.stack]));
    }
  }
  for (const auto& [key, sum] : sums_) {
    StackOfTests stack{static_cast<std::uint32_t>(key >> kKindBits),
                       static_cast<trace::Kind>(key & ((1U << kKindBits) - 1)),
                       sum.first,
                       sum.last,
                       sum.kept,
                       {}};
    if (const auto found = left.find(key); found != left.end()) stack.left = std::move(found->second);
    if (stack.left.empty() && !functions.contains(innermost(profile.stacks[stack.stack]))) continue;
    std::ranges::sort(stack.left, {}, &LeftByTest::test);
    out.stacks.push_back(std::move(stack));
  }
  std::ranges::sort(out.stacks, {}, [](const StackOfTests& one) { return std::pair(one.stack, one.kind); });
  return out;
}

std::string_view word(Looks looks) {
  constexpr std::array<std::string_view, 3> kWords{"leak", "cache", "unknown"};
  return kWords[static_cast<std::size_t>(looks)];
}

Leaks leaks_of(const std::vector<TestLeftovers>& processes, const NamesOf& names, const LeakOptions& options) {
  Grouper grouper(names, options);
  Amount kept, alive;
  std::size_t tests = 0, with_tests = 0;
  for (const TestLeftovers& process : processes) {
    grouper.add(process);
    tests += process.ended;
    with_tests += process.ended > 0 ? 1 : 0;
    kept += process.kept;
    for (const StackOfTests& stack : process.stacks) {
      for (const LeftByTest& left : stack.left) alive += left.alive;
    }
  }
  Leaks leaks = grouper.take();
  leaks.processes = with_tests;
  leaks.tests = tests;
  leaks.freed = without(kept, alive);
  return leaks;
}

}  // namespace fittest::heap
