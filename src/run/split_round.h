#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "core/test_list.h"
#include "select/split_plan.h"

namespace fittest::run {

// Groups of one split are often run one after another in one folder (`for i in 1 2 3 4`), and each of these runs
// changes the history that the next would split by: tests would run twice or never. So the first run of a round writes
// its split down, and the others keep to it. A group that is run again begins a new round, and the last group ends one.
class SplitRound {
 public:
  // The rounds of these tests, cut like this. Files are below `state_folder`/splits.
  SplitRound(const std::filesystem::path& state_folder, const std::string& suite, const TestList& tests,
             const select::SplitOptions& options);

  // The split that `group` (from 1) is to be one of; nothing where it begins a round. A file that is damaged begins
  // one.
  [[nodiscard]] std::optional<select::SplitPlan> plan_for(unsigned group) const;
  // `group` is run now, by this plan. What cannot be written is no failure: the next group will split anew.
  void begin(unsigned group, const select::SplitPlan& plan) const;
  void go_on(unsigned group) const;

 private:
  [[nodiscard]] std::filesystem::path plan_file() const;
  [[nodiscard]] std::filesystem::path groups_file() const;

  std::filesystem::path folder_;
  std::string name_;
  unsigned splits_;
};

}  // namespace fittest::run
