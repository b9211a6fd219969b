#pragma once
// A run of one machine, as its folder tells it.
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/ids.h"
#include "report/json_lines.h"
#include "report/selection_file.h"

namespace fittest::merge {

struct Run {
  std::filesystem::path folder;
  report::Journal journal;
  std::optional<report::SelectionFile> selection = {};  // nothing: it was written before there were such files

  [[nodiscard]] std::string id() const;
  [[nodiscard]] std::string suite() const;
  [[nodiscard]] std::string variant() const;
  // Unix time of its clock's 0: as told; else as its id says; else 0.
  [[nodiscard]] Seconds started() const;
  // Until its last event.
  [[nodiscard]] Seconds lasted() const;
  // "py3.12, unit, group 3/4", and where there is nothing of the kind its id.
  [[nodiscard]] std::string name() const;
};

// What a run was asked to do. Runs of the same job are attempts at it: a job that was started again, a run that was
// resumed. A job of no chunk and no split is known by its command line.
struct Job {
  std::string suite;
  std::string variant;
  std::string chunk;
  unsigned splits = 0;  // 0: no split
  unsigned group = 0;
  std::vector<std::string> command = {};

  friend auto operator<=>(const Job&, const Job&) = default;
};
Job job_of(const Run& run);

// By the time they started; of two copies of one run the one that goes on for longer comes last.
bool starts_before(const Run& a, const Run& b);
// Two copies of one run.
bool is_same(const Run& a, const Run& b);

}  // namespace fittest::merge
