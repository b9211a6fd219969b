#pragma once
// What is worth saying about a machine, and what to do about it. Pure: decided on a copy of what was read.
#include <string>
#include <vector>

#include "memory/machine.h"

namespace fittest::memory {

enum class Severity {
  note,     // good to know
  warning,  // costs speed, memory or certainty
  blocker,  // fittest cannot run here
};
std::string_view name(Severity severity);

struct Finding {
  Severity severity = Severity::note;
  std::string what;
  std::string remedy = {};
};

// The worst first. `budget` is what `choose_budget` said for this machine.
std::vector<Finding> find_faults(const Machine& machine, const Result<Budget>& budget, const DomainTrial& domain);

}  // namespace fittest::memory
