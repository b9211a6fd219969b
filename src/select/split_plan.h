#pragma once
// A split that was written down, so that every job runs the same one whatever its own history says.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/test_list.h"
#include "select/split.h"

namespace fittest::select {

struct SplitPlan {
  std::string suite;  // "pytest"
  SplitOptions options;
  std::vector<std::vector<std::string>> groups;  // ids, in collection order
  std::vector<GroupForecast> forecast;           // for each group

  // JSON; docs/splits.md has the format.
  [[nodiscard]] std::string to_json() const;
  // Errors name `where` and the line or the place in the file.
  static Result<SplitPlan> from_json(std::string_view text, const std::string& where);
};

SplitPlan make_plan(const std::string& suite, const TestList& tests, const Split& split, const SplitOptions& options);

// The group of each test, from 0. A test that the plan does not know goes where those are that it must stay with, else
// where its file is, if that is in one group only, else by a hash of its id (of its file or scope, where these stay
// whole): no history is asked, so all jobs agree.
std::vector<std::uint32_t> groups_by_plan(const SplitPlan& plan, const TestList& tests);

}  // namespace fittest::select
