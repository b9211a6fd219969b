#pragma once
// What is believed of a test that never ran, from those that did. Pure.
#include <cstddef>
#include <optional>
#include <string_view>
#include <unordered_map>
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

// Order of use: `want` for each test that needs something lent, `lend` for each that is known in the order of the ids'
// bytes, `settle`, then `borrow`. The ids given to `want` must outlive it; those given to `lend` need not.
//
// In that order the tests of a group are neighbours: what was lent to it is let go as soon as its quartiles are known.
// A suite can have as many groups as tests, and fittest has little memory for itself.
class Lenders {
 public:
  void want(std::string_view id);
  void lend(std::string_view id, std::optional<Bytes> peak, Seconds duration);
  void settle();
  // Peak and duration each that three of four known tests of the narrowest group stay within.
  [[nodiscard]] plan::Prediction borrow(std::string_view id) const;

 private:
  struct Quartiles {
    std::optional<Bytes> peak;
    std::optional<Seconds> duration;
  };
  // A group that is being lent to.
  struct Open {
    Quartiles* quartiles = nullptr;
    std::vector<Bytes> peaks;
    std::vector<Seconds> durations;
    bool used = false;  // by the latest lender

    void add(std::optional<Bytes> peak, Seconds duration);
    void settle();
  };
  void add_if_wanted(std::string_view group, std::optional<Bytes> peak, Seconds duration);

  std::unordered_map<std::string_view, Quartiles> groups_;
  std::vector<Open> open_;
  Open suite_;
  Quartiles of_suite_;
  std::size_t suite_peaks_ = 0;
  std::size_t suite_durations_ = 0;
};

}  // namespace fittest::history
