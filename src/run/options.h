#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "memory/budget.h"
#include "memory/domain.h"
#include "run/selection.h"

namespace fittest::run {

struct RunOptions {
  std::string suite;                 // "pytest"
  std::vector<std::string> command;  // what the user typed
  memory::Budget budget;
  std::optional<memory::DomainKind> domain;
  std::optional<Seconds> test_timeout;
  Bytes retained_threshold = MiB(128);
  std::filesystem::path state_folder = ".fittest";
  std::filesystem::path history_file = ".fittest/history.db";
  bool resume = false;
  SelectionOptions selection;
  // Where this run's files go, instead of <state folder>/runs/<run id>: made if it is not there, emptied of an earlier
  // run's files.
  std::optional<std::filesystem::path> run_folder;
  bool traces_heap = false;  // the suite's processes write what they allocate into the run's folder
  // Lines about the traces in that folder, for below the summary of a run that came to its end; "" for none.
  std::function<std::string(const std::filesystem::path& folder)> about_heap;
  std::vector<std::string> notices;  // to be shown behind the first line
};

}  // namespace fittest::run
