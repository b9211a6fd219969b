// A workflow of GitHub Actions: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax
#include <fmt/format.h>

#include <map>
#include <set>

#include "export/pipeline.h"
#include "export/scripts.h"
#include "export/yaml.h"

namespace fittest::exporting {
namespace {

constexpr std::size_t kMostJobsOfAMatrix = 256;
constexpr std::string_view kHistory = ".fittest/history.db";

// "${{ ... }}": what GitHub replaces. Only names of this file's own stand in it, never anything of the user's.
std::string expression(std::string_view text) {
  return fmt::format("${{{{ {} }}}}", text);
}

class Workflow {
 public:
  explicit Workflow(const Pipeline& pipeline) : pipeline_(pipeline), versions_(!pipeline.python_versions.empty()) {}

  [[nodiscard]] Yaml whole() const {
    Yaml jobs = Yaml::object();
    if (pipeline_.splits) {
      jobs["plan"] = plan();
      jobs["test"] = group();
    } else {
      add_chunks(jobs);
    }
    Yaml before = Yaml::array();
    for (const auto& [id, job] : jobs.items()) before.push_back(id);
    jobs["merge"] = merge(std::move(before));

    Yaml workflow = {{"name", "fittest"}, {"on", Yaml::array({"push", "pull_request"})}};
    workflow["permissions"] = {{"contents", "read"}};
    if (pipeline_.install.empty()) workflow["env"] = {{"FITTEST_REPOSITORY", expression("vars.FITTEST_REPOSITORY")}};
    workflow["defaults"] = {{"run", {{"shell", "bash"}}}};
    workflow["jobs"] = std::move(jobs);
    return workflow;
  }

 private:
  // "name-3.12" where there are several versions.
  [[nodiscard]] std::string each(std::string_view name) const {
    return std::string(name) + (versions_ ? "-" + expression("matrix.python") : "");
  }

  [[nodiscard]] Yaml job(unsigned minutes, const std::string& version) const {
    return {{"runs-on", "ubuntu-latest"}, {"container", image(pipeline_, version)}, {"timeout-minutes", minutes}};
  }

  // A job for each version of Python and, where there are some, each group.
  [[nodiscard]] Yaml job_for_each(unsigned minutes, Yaml matrix) const {
    Yaml job = this->job(minutes, expression("matrix.python"));
    Yaml variables = Yaml::object();
    if (matrix.contains("group")) variables["GROUP"] = expression("matrix.group");
    if (versions_) {
      matrix["python"] = pipeline_.python_versions;
      variables["PYTHON_VERSION"] = expression("matrix.python");
    }
    if (matrix.empty()) return job;
    job["strategy"] = {{"fail-fast", false}, {"matrix", std::move(matrix)}};
    job["env"] = std::move(variables);
    return job;
  }

  static Yaml run(std::string_view name, std::string script) { return {{"name", name}, {"run", std::move(script)}}; }

  static Yaml use(std::string_view action, Yaml with) { return {{"uses", action}, {"with", std::move(with)}}; }

  static std::string history_key() {
    return "fittest-history-" + expression("github.run_id") + "-" + expression("github.run_attempt");
  }

  static Yaml restore_history() {
    // No cache has the key of a run that is going on: the newest that begins like it is taken.
    return use("actions/cache/restore@v4",
               {{"path", kHistory}, {"key", history_key()}, {"restore-keys", "fittest-history-"}});
  }

  [[nodiscard]] Yaml first_steps() const {
    return Yaml::array({{{"uses", "actions/checkout@v4"}}, run("Have fittest", install_script(pipeline_))});
  }

  [[nodiscard]] Yaml steps_to_the_suite() const {
    Yaml steps = first_steps();
    steps.push_back(run("Have what the suite needs", setup_script(pipeline_)));
    steps.push_back(restore_history());
    return steps;
  }

  [[nodiscard]] Yaml keep_results(const std::string& name) const {
    Yaml step = {{"if", "always()"}};
    step.update(use("actions/upload-artifact@v4", {{"name", each("results") + "-" + name}, {"path", "results"}}));
    return step;
  }

  [[nodiscard]] Yaml plan() const {
    Yaml plan = job_for_each(pipeline_.timeout_minutes, Yaml::object());
    plan["steps"] = steps_to_the_suite();
    plan["steps"].push_back(run("Plan the groups", plan_script(pipeline_)));
    plan["steps"].push_back(use("actions/upload-artifact@v4",
                                {{"name", each("plan")}, {"path", plan_file(pipeline_, expression("matrix.python"))}}));
    return plan;
  }

  [[nodiscard]] Yaml group() const {
    Yaml groups = Yaml::array();
    for (unsigned group = 1; group <= *pipeline_.splits; ++group) groups.push_back(group);
    Yaml test = {{"needs", "plan"}};
    test.update(job_for_each(pipeline_.timeout_minutes, {{"group", std::move(groups)}}));
    Yaml steps = steps_to_the_suite();
    steps.push_back(use("actions/download-artifact@v4", {{"name", each("plan")}}));
    steps.push_back(run("Run the group", group_script(pipeline_, "GROUP")));
    steps.push_back(keep_results("group-" + expression("matrix.group")));
    test["steps"] = std::move(steps);
    return test;
  }

  void add_chunks(Yaml& jobs) const {
    // An id has no dots, and upper and lower case are the same in it.
    std::map<std::string, std::string> ids;
    std::set<std::string> taken;
    for (const ChunkJob& chunk : pipeline_.chunks) {
      std::string id = "chunk-" + chunk.name;
      for (char& c : id) c = c == '.' ? '_' : c;
      const auto lower = [](std::string text) {
        for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        return text;
      };
      while (!taken.insert(lower(id)).second) id += "_";
      ids.emplace(chunk.name, id);
    }
    for (const ChunkJob& chunk : pipeline_.chunks) {
      Yaml test = {{"name", chunk.name}};
      if (!chunk.after.empty()) {
        test["needs"] = Yaml::array();
        for (const std::string& before : chunk.after) test["needs"].push_back(ids.at(before));
        test["if"] = "always()";  // a chunk that fails does not stop the next
      }
      test.update(job_for_each(minutes(pipeline_, chunk), Yaml::object()));
      test["steps"] = steps_to_the_suite();
      test["steps"].push_back(run("Run the chunk", chunk_script(pipeline_, chunk)));
      test["steps"].push_back(keep_results(chunk.name));
      jobs[ids.at(chunk.name)] = std::move(test);
    }
  }

  [[nodiscard]] Yaml merge(Yaml before) const {
    Yaml merge = {{"needs", std::move(before)}, {"if", "always()"}};
    merge.update(job(pipeline_.timeout_minutes, versions_ ? pipeline_.python_versions.back() : ""));
    Yaml steps = first_steps();
    steps.push_back(restore_history());
    steps.push_back(
        use("actions/download-artifact@v4", {{"pattern", "results-*"}, {"path", "results"}, {"merge-multiple", true}}));
    steps.push_back(run("Merge", merge_script(" --github")));
    steps.push_back({{"if", "always()"}});
    steps.back().update(use("actions/upload-artifact@v4", {{"name", "merged"}, {"path", "merged"}}));
    steps.push_back({{"if", "always()"}});  // also after a merge that found failures
    steps.back().update(use("actions/cache/save@v4", {{"path", kHistory}, {"key", history_key()}}));
    merge["steps"] = std::move(steps);
    return merge;
  }

  const Pipeline& pipeline_;
  bool versions_;
};

}  // namespace

Result<std::string> github_workflow(const Pipeline& pipeline) {
  if (auto checked = check(pipeline, kMostJobsOfAMatrix); !checked) return tl::unexpected(checked.error());
  return to_yaml(Workflow(pipeline).whole(), head(pipeline.command));
}

}  // namespace fittest::exporting
