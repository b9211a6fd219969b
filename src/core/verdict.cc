#include "core/verdict.h"

#include <algorithm>

namespace fittest {

std::optional<Verdict> verdict_from(std::string_view name) {
  const auto* found = std::find(kVerdictNames.begin(), kVerdictNames.end(), name);
  if (found == kVerdictNames.end()) return std::nullopt;
  return static_cast<Verdict>(found - kVerdictNames.begin());
}

}  // namespace fittest
