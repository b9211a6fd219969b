#include "export/kubernetes.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <functional>

#include "export/bash_words.h"
#include "nasty.h"
#include "snapshot.h"

namespace fittest::exporting {
namespace {

KubernetesJob job() {
  KubernetesJob job;
  job.command = {"fittest", "ci", "kubernetes", "--splits", "4", "--image", "registry.example.org/suite:7"};
  job.image = "registry.example.org/suite:7";
  job.splits = 4;
  job.needs = {
      MiB(2000), MiB(2858), 3, 1200, "where memory comes from", "where cpus come from", "where the time comes from"};
  return job;
}

TEST(Kubernetes, APodForEachGroup) {
  EXPECT_TRUE(matches_snapshot("kubernetes.yml", kubernetes_job(job()).value()));
}

TEST(Kubernetes, ResultsOnAClaim) {
  KubernetesJob large = job();
  large.name = "nightly";
  large.claim = "ci-results";
  large.parallelism = 2;
  large.setup = {"cd /suite", "test -f \"$HOME/$(hostname)\" || echo $$"};
  large.arguments = {"-m", "unit and not slow"};
  EXPECT_TRUE(matches_snapshot("kubernetes-claim.yml", kubernetes_job(large).value()));
}

// What Kubernetes makes of `args`: its rule is in k8s.io/kubernetes/third_party/forked/golang/expansion.
std::string expanded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
    } else if (text[i + 1] == '$') {
      out += '$';
      ++i;
    } else if (text[i + 1] == '(' && text.find(')', i) != std::string::npos) {
      out += "<replaced>";
      i = text.find(')', i);
    } else {
      out += '$';
    }
  }
  return out;
}

TEST(Kubernetes, ArgumentsAndSetUpArriveAsTheyAre) {
  KubernetesJob nasty = job();
  NastyWords more;
  for (int i = 0; i < 200; ++i) nasty.arguments.push_back(more.next());
  nasty.arguments.insert(nasty.arguments.end(), nasty_words().begin(), nasty_words().end());
  nasty.setup = {"echo $$ $(hostname) $$(x) $$$ ${HOME} $"};
  const YAML::Node container = YAML::Load(kubernetes_job(nasty).value())["spec"]["template"]["spec"]["containers"][0];
  const std::string script = expanded(container["args"][0].Scalar());
  EXPECT_TRUE(script.starts_with(nasty.setup.front() + "\n")) << script;
  EXPECT_TRUE(script.ends_with(" " + bash_words(nasty.arguments) + "\n")) << script;
}

TEST(Kubernetes, WhatTheServerWouldRefuseIsRefused) {
  const std::vector<std::pair<const char*, std::function<void(KubernetesJob&)>>> all = {
      {"--splits", [](KubernetesJob& j) { j.splits = 0; }},
      {"--splits", [](KubernetesJob& j) { j.splits = 100001; }},
      {"--parallelism", [](KubernetesJob& j) { j.parallelism = 0; }},
      {"--name", [](KubernetesJob& j) { j.name = "Nightly"; }},
      {"--name", [](KubernetesJob& j) { j.name = "-a"; }},
      {"--name", [](KubernetesJob& j) { j.name = std::string(51, 'a'); }},
      {"--claim", [](KubernetesJob& j) { j.claim = ""; }},
      {"--image", [](KubernetesJob& j) { j.image = "a b"; }},
      {"--setup", [](KubernetesJob& j) { j.setup = {"a\xff"}; }},
  };
  for (const auto& [option, change] : all) {
    KubernetesJob wrong = job();
    change(wrong);
    const auto text = kubernetes_job(wrong);
    ASSERT_FALSE(text) << option;
    EXPECT_EQ(text.error().where, option);
  }
}

}  // namespace
}  // namespace fittest::exporting
