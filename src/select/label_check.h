#pragma once
// Where a label that is written by hand and the measurement of the same name disagree. Pure.
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/facts.h"
#include "core/test_list.h"
#include "select/expression.h"

namespace fittest::select {

struct LabelCheck {
  std::size_t written = 0;                    // tests that carry it
  std::vector<TestIndex> marked_but_light;    // in the tests' order
  std::vector<TestIndex> unmarked_but_heavy;  // likewise
  std::size_t unmeasured = 0;                 // tests of which too little is known to blame them

  [[nodiscard]] bool agrees() const { return marked_but_light.empty() && unmarked_but_heavy.empty(); }
};

// `tests`: with the labels that are written, and no others. `heavy`: those that `label` means, as `measure` gives them.
//
// A function is marked as a whole, so it is judged as a whole: it is light only if all its tests are measured and
// light. A test that has never run, or was skipped when it did, is not measured: it may be heavy, but not light.
LabelCheck check_label(const MeasuredLabel& label, std::span<const TestIndex> heavy, const TestList& tests,
                       std::span<const Facts> facts);

// A mark that a function should have, or should not.
struct MarkChange {
  std::string test;  // the id without parameters
  std::string label;
  std::size_t heavy = 0;  // of its tests, so many are
  std::size_t tests = 0;
};
struct MarkChanges {
  std::vector<MarkChange> add;
  std::vector<MarkChange> remove;
};
// What would make the two agree. `check` and the rest as above.
MarkChanges mend(const LabelCheck& check, const MeasuredLabel& label, std::span<const TestIndex> heavy,
                 const TestList& tests);

}  // namespace fittest::select
