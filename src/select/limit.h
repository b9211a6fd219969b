#pragma once
// Limits on what tests may allocate that stand in the configuration: `[[limit]]`.
#include <optional>
#include <string>

#include "core/bytes.h"
#include "select/expression.h"

namespace fittest::select {

struct Limit {
  std::string where;                // "fittest.toml:12"
  std::optional<Expression> tests;  // all tests without one
  std::optional<Bytes> memory;      // the test's body holds less at its peak
  std::optional<Bytes> leaks;       // it leaves less behind from any one stack
};

}  // namespace fittest::select
