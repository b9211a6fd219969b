#pragma once
// The part of the configuration that limits what tests may allocate: `[[limit]]`.
#include "cli/config_file.h"
#include "cli/table_reader.h"

namespace fittest::cli {

// Puts what it finds into `config`, and a mistake into `settings`.
void read_limits_of_tests(TableReader& settings, Config& config);

}  // namespace fittest::cli
