#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <functional>

#include "export/bash_words.h"
#include "export/pipeline.h"
#include "nasty.h"
#include "pipelines.h"
#include "snapshot.h"

namespace fittest::exporting {
namespace {

TEST(GitHub, GroupsOfOnePlan) {
  EXPECT_TRUE(matches_snapshot("github-groups.yml", github_workflow(groups()).value()));
}

TEST(GitHub, GroupsForEachVersionOfPython) {
  EXPECT_TRUE(matches_snapshot("github-versions.yml", github_workflow(groups_with_versions()).value()));
}

TEST(GitHub, AJobForEachChunk) {
  EXPECT_TRUE(matches_snapshot("github-chunks.yml", github_workflow(chunks()).value()));
}

// Every scalar of a tree.
void each_scalar(const YAML::Node& node, const std::function<void(const std::string&)>& see) {
  if (node.IsScalar()) return see(node.Scalar());
  for (const auto& item : node) {
    if (node.IsSequence()) {
      each_scalar(item, see);
    } else {
      see(item.first.Scalar());
      each_scalar(item.second, see);
    }
  }
}

TEST(GitHub, ArgumentsArriveInTheScriptAndNowhereElse) {
  Pipeline pipeline = groups_with_versions();
  pipeline.arguments = nasty_words();
  pipeline.command.insert(pipeline.command.end(), pipeline.arguments.begin(), pipeline.arguments.end());
  const YAML::Node workflow = YAML::Load(github_workflow(pipeline).value());
  std::size_t found = 0;
  const std::string words = bash_words(pipeline.arguments);
  each_scalar(workflow, [&](const std::string& text) { found += text.ends_with(" " + words + "\n") ? 1 : 0; });
  EXPECT_EQ(found, 2U);  // planning, and a group
}

TEST(GitHub, NoScriptHoldsAnExpression) {
  Pipeline pipeline = groups_with_versions();
  pipeline.arguments = nasty_words();
  const YAML::Node workflow = YAML::Load(github_workflow(pipeline).value());
  for (const auto& job : workflow["jobs"]) {
    for (const auto& step : job.second["steps"]) {
      if (!step["run"]) continue;
      EXPECT_EQ(step["run"].Scalar().find("${{"), std::string::npos) << step["run"].Scalar();
    }
  }
}

TEST(GitHub, AChunkMayTakeItsOwnTimeAndWhatTheJobDoesBesideIt) {
  const YAML::Node jobs = YAML::Load(github_workflow(chunks()).value())["jobs"];
  EXPECT_EQ(jobs["chunk-unit_fast"]["timeout-minutes"].as<int>(), 30);
  EXPECT_EQ(jobs["chunk-stress"]["timeout-minutes"].as<int>(), 22);
  EXPECT_EQ(jobs["chunk-UNIT_fast_"]["timeout-minutes"].as<int>(), 60);
}

struct Refused {
  const char* what;
  std::function<void(Pipeline&)> change;
};

TEST(GitHub, WhatItCannotBeToldIsRefused) {
  const std::vector<Refused> all = {
      {"256", [](Pipeline& p) { p.splits = 129; }},
      {"one group at least", [](Pipeline& p) { p.splits = 0; }},
      {"a minute at least", [](Pipeline& p) { p.timeout_minutes = 0; }},
      {"no version of Python", [](Pipeline& p) { p.python_versions = {"${{ x }}"}; }},
      {"no version of Python", [](Pipeline& p) { p.python_versions = {""}; }},
      {"is there twice",
       [](Pipeline& p) {
         p.python_versions = {"3.9", "3.9"};
       }},
      {"no name of an image", [](Pipeline& p) { p.image = "${{ secrets.x }}{python}"; }},
      {"no name of an image", [](Pipeline& p) { p.image = "a b"; }},
      {"the same for every version", [](Pipeline& p) { p.image = "python:3"; }},
      {"there are none",
       [](Pipeline& p) {
         p.image = "python:{python}";
         p.python_versions.clear();
       }},
      {"must be text", [](Pipeline& p) { p.setup = {"echo \xff"}; }},
      {"must be text", [](Pipeline& p) { p.install = {"a\rb"}; }},
      {"cannot be the name of a job",
       [](Pipeline& p) {
         p.splits.reset();
         p.chunks = {{"a b", {}, {}}};
       }},
  };
  for (const Refused& refused : all) {
    Pipeline pipeline = groups_with_versions();
    refused.change(pipeline);
    const auto workflow = github_workflow(pipeline);
    ASSERT_FALSE(workflow) << refused.what;
    EXPECT_NE(workflow.error().text().find(refused.what), std::string::npos) << workflow.error().text();
  }
}

}  // namespace
}  // namespace fittest::exporting
