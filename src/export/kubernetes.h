#pragma once
// A split as an Indexed Job of Kubernetes: a pod for each group. Pure. docs/ci.md is its description for users.
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "export/pod_needs.h"

namespace fittest::exporting {

struct KubernetesJob {
  std::vector<std::string> command;  // what wrote it, and how
  std::string name = "fittest";
  std::string image;  // has fittest, the suite, its Python, and bash; its working folder is the suite's
  unsigned splits = 1;
  std::optional<unsigned> parallelism;  // pods at a time; all of them without one
  PodNeeds needs;
  std::vector<std::string> setup;      // lines for bash, before the tests
  std::vector<std::string> arguments;  // pytest's
  std::optional<std::string> claim;    // of a volume for the results; without one they go with the pod
};

// Errors: what the API server would refuse.
Result<std::string> kubernetes_job(const KubernetesJob& job);

}  // namespace fittest::exporting
