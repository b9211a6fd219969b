// A pipeline of GitLab: https://docs.gitlab.com/ci/yaml/
#include <fmt/format.h>

#include "export/pipeline.h"
#include "export/scripts.h"
#include "export/yaml.h"

namespace fittest::exporting {
namespace {

constexpr std::size_t kMostParallelJobs = 200;
constexpr std::string_view kHistory = ".fittest/history.db";

class GitLab {
 public:
  explicit GitLab(const Pipeline& pipeline) : pipeline_(pipeline), versions_(!pipeline.python_versions.empty()) {}

  [[nodiscard]] Yaml whole() const {
    Yaml file = Yaml::object();
    file["stages"] = pipeline_.splits ? Yaml::array({"plan", "test", "merge"}) : Yaml::array({"test", "merge"});
    file[".fittest"] = base();
    if (pipeline_.splits) {
      file["plan"] = plan();
      file["test"] = group();
    } else {
      for (const ChunkJob& chunk : pipeline_.chunks) file["chunk-" + chunk.name] = this->chunk(chunk);
    }
    file["merge"] = merge();
    return file;
  }

 private:
  static Yaml history(std::string_view policy) {
    return {{"key", "fittest-history"}, {"paths", Yaml::array({kHistory})}, {"policy", policy}};
  }

  // What the jobs have in common.
  [[nodiscard]] Yaml base() const {
    return {{"image", image(pipeline_, "$PYTHON_VERSION")},
            {"before_script", Yaml::array({install_script(pipeline_), setup_script(pipeline_)})},
            {"cache", history("pull")}};
  }

  static Yaml job(std::string_view stage, unsigned minutes) {
    return {{"extends", ".fittest"}, {"stage", stage}, {"timeout", fmt::format("{} minutes", minutes)}};
  }

  [[nodiscard]] Yaml matrix(Yaml variables) const {
    variables["PYTHON_VERSION"] = pipeline_.python_versions;
    return {{"matrix", Yaml::array({std::move(variables)})}};
  }

  static Yaml keep(std::string path) { return {{"when", "always"}, {"paths", Yaml::array({std::move(path)})}}; }

  [[nodiscard]] Yaml plan() const {
    Yaml plan = job("plan", pipeline_.timeout_minutes);
    if (versions_) plan["parallel"] = matrix(Yaml::object());
    plan["script"] = Yaml::array({plan_script(pipeline_)});
    plan["artifacts"] = {{"paths", Yaml::array({plan_file(pipeline_, "$PYTHON_VERSION")})}};
    return plan;
  }

  [[nodiscard]] Yaml group() const {
    Yaml test = job("test", pipeline_.timeout_minutes);
    std::string group = "CI_NODE_INDEX";
    if (versions_) {
      group = "GROUP";
      Yaml groups = Yaml::array();
      for (unsigned number = 1; number <= *pipeline_.splits; ++number) groups.push_back(std::to_string(number));
      test["parallel"] = matrix({{group, std::move(groups)}});
    } else {
      test["parallel"] = *pipeline_.splits;
    }
    test["script"] = Yaml::array({group_script(pipeline_, group)});
    test["artifacts"] = keep("results");
    return test;
  }

  [[nodiscard]] Yaml chunk(const ChunkJob& chunk) const {
    Yaml test = job("test", minutes(pipeline_, chunk));
    if (versions_) test["parallel"] = matrix(Yaml::object());
    if (!chunk.after.empty()) {
      test["needs"] = Yaml::array();
      for (const std::string& before : chunk.after)
        test["needs"].push_back({{"job", "chunk-" + before}, {"artifacts", false}});
      test["when"] = "always";  // a chunk that fails does not stop the next
    }
    test["script"] = Yaml::array({chunk_script(pipeline_, chunk)});
    test["artifacts"] = keep("results");
    return test;
  }

  [[nodiscard]] Yaml merge() const {
    Yaml merge = job("merge", pipeline_.timeout_minutes);
    merge["when"] = "always";
    if (versions_) merge["image"] = image(pipeline_, pipeline_.python_versions.back());
    merge["before_script"] = Yaml::array({install_script(pipeline_)});
    merge["script"] = Yaml::array({merge_script("")});
    merge["cache"] = history("pull-push");
    merge["cache"]["when"] = "always";  // also after a merge that found failures
    merge["artifacts"] = keep("merged");
    merge["artifacts"]["reports"] = {{"junit", "merged/junit.xml"}};
    return merge;
  }

  const Pipeline& pipeline_;
  bool versions_;
};

}  // namespace

Result<std::string> gitlab_pipeline(const Pipeline& pipeline) {
  if (auto checked = check(pipeline, kMostParallelJobs); !checked) return tl::unexpected(checked.error());
  return to_yaml(GitLab(pipeline).whole(), head(pipeline.command));
}

}  // namespace fittest::exporting
