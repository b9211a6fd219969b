#pragma once
// What is believed of a test that never ran, from those that did. Pure.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "plan/scheduler.h"

namespace fittest::history {

// Before anything is known.
inline constexpr Bytes kPriorPeak = MiB(64);
inline constexpr Seconds kPriorDuration = 0.1;
// Where only the suite lends, the prior counts as so many tests of it: it pulls upwards only, and less the more tests
// are known.
inline constexpr std::size_t kPriorWeight = 10;

// "a.py::T::test_x[1::2]" -> "a.py::T::test_x"; the id itself where it has no parameters.
std::string_view without_parameters(std::string_view id);

// Calls `use` with each group of a test, the narrowest first: its function where it has parameters, then the id up to
// each "::", the last first (class, outer class, file).
template <typename Use>
void for_each_group(std::string_view id, Use use) {
  std::string_view rest = without_parameters(id);
  if (rest.size() != id.size()) use(rest);
  for (auto cut = rest.rfind("::"); cut != std::string_view::npos; cut = rest.rfind("::")) {
    rest = rest.substr(0, cut);
    use(rest);
  }
}

// The values lent to some groups, and the upper quartile of each. Flat, because a suite can have as many groups as
// tests and fittest has little memory for itself.
template <typename Value>
class Quartiles {
 public:
  void add(std::uint32_t group, Value value) { lent_.emplace_back(group, value); }
  // To be called once, after the last `add`.
  void settle() {
    std::ranges::sort(lent_);
    for (auto first = lent_.begin(); first != lent_.end();) {
      const auto last = std::find_if(first, lent_.end(), [&](const auto& lent) { return lent.first != first->first; });
      // The smallest value that three quarters of the group do not pass.
      groups_.push_back(
          {first->first, static_cast<std::uint32_t>(last - first), first[((last - first) * 3 + 3) / 4 - 1].second});
      first = last;
    }
    lent_ = {};
  }

  struct Group {
    std::uint32_t number = 0;
    std::uint32_t size = 0;
    Value quartile{};
  };
  // Nothing where the group was lent nothing.
  [[nodiscard]] const Group* find(std::uint32_t group) const {
    const auto found = std::ranges::lower_bound(groups_, group, {}, &Group::number);
    return found == groups_.end() || found->number != group ? nullptr : &*found;
  }

 private:
  std::vector<std::pair<std::uint32_t, Value>> lent_;
  std::vector<Group> groups_;  // by number
};

// Order of use: `want` for each test that needs something lent, `lend` for each that is known, then `settle`, then
// `borrow`. The ids given to `want` must outlive it; those given to `lend` need not.
class Lenders {
 public:
  void want(std::string_view id);
  void lend(std::string_view id, std::optional<Bytes> peak, Seconds duration);
  void settle();
  // Peak and duration each that three of four known tests of the narrowest group stay within.
  [[nodiscard]] plan::Prediction borrow(std::string_view id) const;

 private:
  static constexpr std::uint32_t kSuite = 0;
  std::unordered_map<std::string_view, std::uint32_t> groups_;  // numbers from 1
  Quartiles<Bytes> peaks_;
  Quartiles<float> durations_;
};

}  // namespace fittest::history
