#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "export/bash_words.h"
#include "export/pipeline.h"
#include "nasty.h"
#include "pipelines.h"
#include "snapshot.h"

namespace fittest::exporting {
namespace {

TEST(GitLab, GroupsOfOnePlan) {
  EXPECT_TRUE(matches_snapshot("gitlab-groups.yml", gitlab_pipeline(groups()).value()));
}

TEST(GitLab, GroupsForEachVersionOfPython) {
  EXPECT_TRUE(matches_snapshot("gitlab-versions.yml", gitlab_pipeline(groups_with_versions()).value()));
}

TEST(GitLab, AJobForEachChunk) {
  EXPECT_TRUE(matches_snapshot("gitlab-chunks.yml", gitlab_pipeline(chunks()).value()));
}

TEST(GitLab, ArgumentsArriveInTheScript) {
  Pipeline pipeline = groups();
  pipeline.arguments = nasty_words();
  const YAML::Node file = YAML::Load(gitlab_pipeline(pipeline).value());
  const std::string words = " " + bash_words(pipeline.arguments) + "\n";
  EXPECT_TRUE(file["plan"]["script"][0].Scalar().ends_with(words));
  EXPECT_TRUE(file["test"]["script"][0].Scalar().ends_with(words));
}

TEST(GitLab, AllowsFewerJobsThanGitHub) {
  Pipeline pipeline = groups();
  pipeline.splits = 200;
  EXPECT_TRUE(gitlab_pipeline(pipeline));
  pipeline.splits = 201;
  ASSERT_FALSE(gitlab_pipeline(pipeline));
  EXPECT_EQ(gitlab_pipeline(pipeline).error().where, "--splits");
  EXPECT_TRUE(github_workflow(pipeline));
}

}  // namespace
}  // namespace fittest::exporting
