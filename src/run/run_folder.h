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
};

// A name no other run has: date, time, process. [A-Za-z0-9-]+.
std::string new_run_id();

// Makes the folder, and removes the oldest of those there are, so that ten stay.
Result<RunFolder> make_run_folder(const std::filesystem::path& state_folder, const std::string& run_id);

// The latest run before `than`; nothing where there is none.
std::optional<RunFolder> previous_run(const std::filesystem::path& state_folder, const std::string& than);

}  // namespace fittest::run
