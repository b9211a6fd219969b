#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "core/error.h"

namespace fittest::run {

// The place of a run's files: <state folder>/runs/<run id>/. Names sort by time.
struct RunFolder {
  std::string run_id;
  std::filesystem::path path;

  [[nodiscard]] std::filesystem::path events() const { return path / "events.jsonl"; }
  [[nodiscard]] std::filesystem::path reports() const { return path / "reports.bin"; }
  [[nodiscard]] std::filesystem::path junit() const { return path / "junit.xml"; }
  [[nodiscard]] std::filesystem::path traces() const { return path / "traces"; }  // of tests' bodies, while it runs
  [[nodiscard]] std::filesystem::path heap() const { return path / "heap"; }      // of processes
  [[nodiscard]] std::filesystem::path selection() const { return path / "selection.json"; }
};

// A name no other run has, on this machine or another: date, time, process, chance. [A-Za-z0-9-]+.
std::string new_run_id();

// Makes the folder, and removes the oldest of those there are, so that ten stay.
Result<RunFolder> make_run_folder(const std::filesystem::path& state_folder, const std::string& run_id);

// The same for a set of chunks, each a run of its own in a folder below it: <state folder>/chunks/<run id>/.
Result<std::filesystem::path> make_chunks_folder(const std::filesystem::path& state_folder, const std::string& run_id);

// A folder that the user has named, for a run's files alone: made, with those above it, if it is not there. Files of an
// earlier run in it are removed; whatever else is in it stays.
Result<RunFolder> use_run_folder(const std::filesystem::path& folder, const std::string& run_id);

// The latest run before `than`; nothing where there is none.
std::optional<RunFolder> previous_run(const std::filesystem::path& state_folder, const std::string& than);

}  // namespace fittest::run
