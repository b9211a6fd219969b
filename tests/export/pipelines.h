#pragma once
#include "export/pipeline.h"

namespace fittest::exporting {

inline Pipeline groups() {
  Pipeline pipeline;
  pipeline.command = {"fittest", "ci", "SERVICE", "--splits", "3"};
  pipeline.splits = 3;
  return pipeline;
}

inline Pipeline groups_with_versions() {
  Pipeline pipeline = groups();
  pipeline.python_versions = {"3.9", "3.10"};
  pipeline.setup = {"pip install -r requirements.txt", "pip install -e ."};
  pipeline.budget = "4G";
  pipeline.timeout_minutes = 30;
  pipeline.arguments = {"-m", "unit and not slow", "tests/"};
  return pipeline;
}

inline Pipeline chunks() {
  Pipeline pipeline;
  pipeline.command = {"fittest", "ci", "SERVICE", "--chunks"};
  pipeline.install = {"curl -fsSo /usr/local/bin/fittest https://example.org/fittest",
                      "chmod +x /usr/local/bin/fittest"};
  pipeline.image = "registry.example.org/suite:7";
  pipeline.chunks = {
      {"unit.fast", 600.0, {}}, {"UNIT_fast", std::nullopt, {}}, {"stress", 90.0, {"unit.fast", "UNIT_fast"}}};
  return pipeline;
}

}  // namespace fittest::exporting
