#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "heap/read/allowance.h"
#include "heap/read/profile.h"
#include "heap/read/sums.h"

namespace fittest::heap {

// The tests that a trace marks, and what each allocated. Within a test, an allocation is added up in a cell of that
// test (and, through the cell's `parent`, in that of its stack). A cell is kept while something of it is alive, so that
// twenty thousand tests take no more memory than what they leave behind.
template <class Scale>
class Sections {
 public:
  using Share = typename Scale::Share;
  struct TestCell {
    Cell parent = kNoCell;
    std::uint32_t test = 0;
    std::uint64_t alive = 0;  // records
    Share live, total;
    Share kept;         // `live` when its test ended
    bool open = false;  // its test runs
  };
  // Of a cell of Sums, for whoever shows it.
  struct Key {
    std::uint32_t stack;
    trace::Kind kind;
  };
  using OnTest = std::function<void(const TestProfile&)>;

  Sections(Allowance& allowance, OnTest on_test) : allowance_(allowance), on_test_(std::move(on_test)) {}

  // Whether allocations made now are to be put into cells of a test.
  [[nodiscard]] bool inside() const { return inside_; }
  [[nodiscard]] TestCell& cell(Cell at) { return cells_[at & ~kTestCell]; }

  // A mark: a test begins or, with an empty name, ends. `keys`: of the cells of Sums. False: no memory.
  bool mark(std::string_view name, const trace::Counters& counters, const std::vector<Key>& keys) {
    if (running_) finish(counters, keys);
    if (name.empty()) return true;
    if (!allowance_.take(2 * sizeof(TestProfile) + name.size())) return false;
    TestProfile test;
    test.index = static_cast<std::uint32_t>(tests_.size());
    test.name = name;
    test.begin = test.end = counters;
    tests_.push_back(std::move(test));
    running_ = true;
    inside_ = static_cast<bool>(on_test_);
    return true;
  }

  // The running test's cell for one of Sums. kNoCell: no memory.
  Cell of(Cell parent) {
    if (parent >= current_.size()) current_.resize(parent + 1);
    Current& current = current_[parent];
    const auto test = static_cast<std::uint32_t>(tests_.size());  // never 0 here
    if (current.test == test) return current.cell;
    if (unused_.empty()) {
      if (!allowance_.take(3 * sizeof(TestCell))) return kNoCell;
      unused_.push_back(static_cast<Cell>(cells_.size()) | kTestCell);
      cells_.emplace_back();
    }
    current = {test, unused_.back()};
    unused_.pop_back();
    cell(current.cell) = {parent, test - 1, 0, {}, {}, {}, true};
    opened_.push_back(current.cell);
    return current.cell;
  }
  // When the last that was alive of a cell is gone.
  void emptied(Cell at) {
    if (!cell(at).open) unused_.push_back(at);
  }

  // As of now: for each test what is alive of it.
  [[nodiscard]] std::vector<TestProfile> tests(const std::vector<Key>& keys, const trace::Counters& now) const {
    std::vector<TestProfile> tests = tests_;
    for (const TestCell& cell : cells_) {
      if (cell.alive > 0) tests[cell.test].figures.push_back(figures(cell, keys));
    }
    if (running_) {
      tests.back().end = now;
      tests.back().peak = now.peak;
    }
    return tests;
  }

 private:
  struct Current {
    std::uint32_t test = 0;  // number of tests when it was made; 0: never
    Cell cell = kNoCell;
  };
  static TestFigures figures(const TestCell& cell, const std::vector<Key>& keys) {
    const Amount alive = Sums<Scale>::tidy(cell.live).amount();
    const Amount kept = cell.open ? alive : Sums<Scale>::tidy(cell.kept).amount();
    return {keys[cell.parent].stack, keys[cell.parent].kind, cell.total.amount(), kept, alive};
  }
  void finish(const trace::Counters& counters, const std::vector<Key>& keys) {
    TestProfile& test = tests_.back();
    test.end = counters;
    test.peak = counters.peak;
    test.ended = true;
    if (on_test_) {
      for (const Cell at : opened_) {
        cell(at).open = false;
        cell(at).kept = cell(at).live;
        test.figures.push_back(figures(cell(at), keys));
        if (cell(at).alive == 0) unused_.push_back(at);
      }
      on_test_(test);
      test.figures = {};
    }
    opened_.clear();
    running_ = inside_ = false;
  }

  Allowance& allowance_;
  OnTest on_test_;
  std::vector<TestProfile> tests_;
  bool running_ = false;  // the last of tests_
  bool inside_ = false;
  std::vector<TestCell> cells_;
  std::vector<Cell> unused_;
  std::vector<Cell> opened_;      // those of the running test
  std::vector<Current> current_;  // by cell of Sums: its cell in the running test
};

}  // namespace fittest::heap
