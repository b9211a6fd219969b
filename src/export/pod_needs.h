#pragma once
// What a pod that runs one group of a split must have, from what earlier runs measured. Pure.
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "core/bytes.h"
#include "core/ids.h"
#include "plan/scheduler.h"
#include "select/split.h"

namespace fittest::exporting {

// What the user has decided.
struct PodOptions {
  unsigned splits = 1;
  std::optional<Bytes> budget = {};
  std::optional<unsigned> cpus = {};
  std::optional<Seconds> deadline = {};
};

struct PodNeeds {
  Bytes budget;  // for the suite: `fittest pytest --budget`
  Bytes memory;  // for the pod
  unsigned cpus = 1;
  Seconds deadline = 0;
  // Where each comes from, for people.
  std::string memory_source;
  std::string cpus_source;
  std::string deadline_source;
};

// All but the deadline. `session`: what the suite's session held in an earlier run, where that is known.
PodNeeds pod_needs(std::span<const plan::Prediction> tests, const std::optional<Bytes>& session,
                   const PodOptions& options);

// The deadline, from the groups that these needs make.
void set_deadline(PodNeeds& needs, std::span<const plan::Prediction> tests,
                  std::span<const select::GroupForecast> groups, const PodOptions& options);

}  // namespace fittest::exporting
