#pragma once
// A suite in parts, each in a job of its own, as a service for continuous integration is told of it. Pure. docs/ci.md
// is the description for users.
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/ids.h"

namespace fittest::exporting {

struct ChunkJob {
  std::string name;
  std::optional<Seconds> timeout;  // its own
  std::vector<std::string> after;  // chunks whose jobs end before it starts
};

struct Pipeline {
  // What wrote it, and how: for the head of the file.
  std::vector<std::string> command;

  // The parts: `splits` groups of one plan, or else the chunks.
  std::optional<unsigned> splits;
  std::vector<ChunkJob> chunks;

  std::vector<std::string> install;  // lines for bash; `fittest` is a command after them. None: built from source
  std::vector<std::string> setup;    // lines for bash; python3 has pytest and what the suite needs after them
  std::optional<std::string> image;  // of the container; "{python}" stands for the version
  std::vector<std::string> python_versions;  // the whole suite with each; none: with what the image has
  unsigned timeout_minutes = 60;             // of a job that has none of its own
  std::optional<std::string> budget;         // --budget of each part
  std::vector<std::string> arguments;        // pytest's
};

// The file for the service. Errors: what the service cannot be told, and what would be something else there than what
// it is here.
Result<std::string> github_workflow(const Pipeline& pipeline);
Result<std::string> gitlab_pipeline(const Pipeline& pipeline);

// What every file that is written here begins with.
inline constexpr std::string_view kMark = "# Written by: fittest ci ";

}  // namespace fittest::exporting
