// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/
#include "export/kubernetes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "export/bash_words.h"
#include "export/scripts.h"
#include "export/yaml.h"

namespace fittest::exporting {
namespace {

constexpr std::string_view kResults = "/results";
constexpr unsigned kMostIndexes = 100000;  // the API's limit where some indexes may fail without the others
// The pods' names are made of it, with an index and a random end, and have 63 characters at most.
constexpr std::size_t kLongestName = 50;

bool is_label(std::string_view name, std::size_t longest) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= longest && letter(name.front()) && letter(name.back()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || c == '-'; });
}

Result<void> check_job(const KubernetesJob& job) {
  if (job.splits == 0 || job.splits > kMostIndexes)
    return failure(fmt::format("must be from 1 to {}", kMostIndexes), "--splits");
  if (job.parallelism == 0U) return failure("one pod at a time is the least", "--parallelism");
  if (!is_label(job.name, kLongestName)) {
    return failure(fmt::format("'{}' is no name of a Job", job.name), "--name",
                   fmt::format("lower-case letters, digits and '-', {} at most", kLongestName));
  }
  if (job.claim && !is_label(*job.claim, 253))
    return failure(fmt::format("'{}' is no name of a claim", *job.claim), "--claim");
  if (auto checked = check_image_name(job.image); !checked) return checked;
  return check_lines(job.setup, "--setup");
}

// Kubernetes puts variables in the place of "$(NAME)", and a "$" in that of "$$".
std::string as_it_is(std::string_view text) {
  std::string escaped;
  for (std::size_t i = 0; i < text.size(); ++i) {
    escaped += text[i];
    if (text[i] == '$' && i + 1 < text.size() && (text[i + 1] == '$' || text[i + 1] == '(')) escaped += '$';
  }
  return escaped;
}

std::string script(const KubernetesJob& job) {
  const std::string folder = fmt::format("\"{}/{}/group-$group\"", kResults, job.name);
  std::string more = job.arguments.empty() ? "" : " " + bash_words(job.arguments);
  // The pods have nothing but their arguments in common: budget and workers are named, or they would not split alike.
  return fmt::format(R"({}((group = JOB_COMPLETION_INDEX + 1))
rm -rf {}
exec fittest pytest --splits {} --group "$group" --budget {}M -n {} --run-folder {}{}
)",
                     lines_of(job.setup), folder, job.splits, job.needs.budget.value >> 20, job.needs.cpus, folder,
                     more);
}

Yaml pod(const KubernetesJob& job) {
  const Yaml amounts = {{"cpu", std::to_string(job.needs.cpus)},
                        {"memory", fmt::format("{}Mi", job.needs.memory.value >> 20)}};
  const Yaml container = {{"name", "fittest"},
                          {"image", job.image},
                          {"command", Yaml::array({"bash", "-euo", "pipefail", "-c"})},
                          {"args", Yaml::array({as_it_is(script(job))})},
                          {"resources", {{"requests", amounts}, {"limits", amounts}}},
                          {"volumeMounts", Yaml::array({{{"name", "results"}, {"mountPath", kResults}}})}};
  Yaml volume = {{"name", "results"}};
  if (job.claim) {
    volume["persistentVolumeClaim"] = {{"claimName", *job.claim}};
  } else {
    volume["emptyDir"] = Yaml::object();
  }
  return {{"restartPolicy", "Never"},
          {"activeDeadlineSeconds", static_cast<std::int64_t>(std::ceil(job.needs.deadline))},
          {"containers", Yaml::array({container})},
          {"volumes", Yaml::array({volume})}};
}

Yaml on_exit_codes(std::string_view action, Yaml codes) {
  return {{"action", action},
          {"onExitCodes", {{"containerName", "fittest"}, {"operator", "In"}, {"values", std::move(codes)}}}};
}

// A pod that is moved away counts for nothing. Tests that failed would fail again; a command that is wrong is wrong in
// every pod. What is left (137: killed for memory) is tried once more.
Yaml failure_policy() {
  const Yaml moved = {{"action", "Ignore"},
                      {"onPodConditions", Yaml::array({{{"type", "DisruptionTarget"}, {"status", "True"}}})}};
  return {{"rules", Yaml::array({moved, on_exit_codes("FailIndex", Yaml::array({1, 2, 3, 5})),
                                 on_exit_codes("FailJob", Yaml::array({4}))})}};
}

}  // namespace

Result<std::string> kubernetes_job(const KubernetesJob& job) {
  if (auto checked = check_job(job); !checked) return tl::unexpected(checked.error());
  const std::string results =
      job.claim ? fmt::format("the volume of the claim {}, below {}; merge them with: fittest merge {}/{}", *job.claim,
                              job.name, kResults, job.name)
                : "an emptyDir, which goes with the pod; --claim NAME keeps them";
  const Yaml whole = {{"apiVersion", "batch/v1"},
                      {"kind", "Job"},
                      {"metadata",
                       {{"name", job.name},
                        {"annotations",
                         {{"fittest/memory", job.needs.memory_source},
                          {"fittest/cpu", job.needs.cpus_source},
                          {"fittest/deadline", job.needs.deadline_source},
                          {"fittest/results", results}}}}},
                      {"spec",
                       {{"completionMode", "Indexed"},
                        {"completions", job.splits},
                        {"parallelism", job.parallelism.value_or(job.splits)},
                        {"backoffLimitPerIndex", 1},
                        {"podFailurePolicy", failure_policy()},
                        {"template", {{"spec", pod(job)}}}}}};
  return to_yaml(whole, head(job.command));
}

}  // namespace fittest::exporting
