#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "memory/budget.h"
#include "memory/domain.h"

namespace fittest::run {

struct RunOptions {
  std::string suite;                  // "pytest"
  std::vector<std::string> command;   // what the user typed
  memory::Budget budget;
  std::optional<memory::DomainKind> domain;
  std::optional<Seconds> test_timeout;
  Bytes retained_threshold = MiB(128);
  std::filesystem::path state_folder = ".fittest";
  std::filesystem::path history_file = ".fittest/history.db";
  bool resume = false;
  std::vector<std::string> notices;   // to be shown behind the first line
};

}  // namespace fittest::run
