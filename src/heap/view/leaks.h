#pragma once
// What tests left behind: memory that was allocated in a test and is still alive after it, by stack.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "heap/read/profile.h"
#include "heap/view/stacks.h"

namespace fittest::heap {

// What one test left at one stack.
struct LeftByTest {
  std::uint32_t test = 0;  // index into TestLeftovers::tests
  Amount kept;             // alive when the test ended
  Amount alive;            // of that at the end of the trace
};

// A stack (and kind of memory) that tests of one process came by: by which they allocated.
struct StackOfTests {
  std::uint32_t stack = 0;
  trace::Kind kind = trace::Kind::heap;
  std::uint32_t first = 0, last = 0;  // of the tests that came by
  Amount kept;                        // of all of them, alive when they ended
  std::vector<LeftByTest> left;       // by those of which something is alive at the end of the trace, in their order
};

// Of one trace.
struct TestLeftovers {
  std::uint32_t ended = 0;         // tests
  std::vector<std::string> tests;  // in the order in which they began; "" for one that left nothing
  std::vector<StackOfTests> stacks;
  Amount kept;  // of all stacks, alive when the tests ended
};

// Adds up what tests leave while a trace is read. Its memory grows with the stacks and with what is left at the end,
// not with the number of tests.
class LeftoverSums {
 public:
  // For ReadOptions::on_test.
  void add(const TestProfile& test);
  // `profile`: of the same trace, read to its end. Stacks at which nothing is left are among it only where one that has
  // the same innermost function holds something: those that say whether later tests added to it.
  [[nodiscard]] TestLeftovers take(const Profile& profile) const;

 private:
  struct Sum {
    std::uint32_t first = 0, last = 0;
    Amount kept;
  };
  std::unordered_map<std::uint64_t, Sum> sums_;  // by stack and kind
  std::uint32_t ended_ = 0;
  Amount kept_;
};

// What the course of the tests that came by a stack looks like. Take, in one process, the stretch from the first test
// that came by to the last. In the later half of it
// - tests went on leaving something, two or more in all: a leak;
// - nothing was left, and what was left before is more than its error: a cache, which was full by then.
// A leak in any process is a leak, else a cache in any is a cache. Modules that tests imported are a cache. All else is
// unknown: above all what one test alone came by.
enum class Looks { leak, cache, unknown };
std::string_view word(Looks looks);  // "leak", "cache", "unknown"

struct LeakOfTest {
  std::string name;
  Amount kept, alive;
};

// Stacks that look the same up to the test: its own function is left off where it called another, so that what several
// tests leave by one function is one.
struct Leak {
  std::vector<std::uint32_t> frames;  // innermost first, indices into Leaks::lines; never empty
  bool mapped = false;
  Looks looks = Looks::unknown;
  Amount kept, alive;
  std::vector<LeakOfTest> tests;  // that left something alive at the end; the largest first
};

struct Leaks {
  std::size_t processes = 0;  // in which tests ended
  std::size_t tests = 0;      // that ended
  std::size_t leaving = 0;    // of them, that left something which is listed
  std::vector<Line> lines;
  std::vector<Leak> stacks;  // most alive at the end first
  Amount alive;              // of the stacks
  Amount freed;              // more that was alive when its test ended, and was freed later
  Amount frameworks;         // more that pytest itself allocated and keeps
};

struct LeakOptions {
  std::optional<std::string> test;  // a glob, also of what a test's name begins with: only what such tests left
  // Whether it is a piece that CPython mapped for small objects: it holds those of others as well, so that its stack
  // says nothing. Such pieces are one entry.
  std::function<bool(const StackOfTests&)> is_pool;
};

// `processes`: with numbers of stacks that `names` knows, which gives equal lines equal numbers.
Leaks leaks_of(const std::vector<TestLeftovers>& processes, const NamesOf& names, const LeakOptions& options);

}  // namespace fittest::heap
