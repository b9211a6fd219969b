#pragma once
// The parts of the configuration that speak of tests: `[labels]` and `[[chunk]]`.
#include "cli/config_file.h"
#include "cli/table_reader.h"

namespace fittest::cli {

// Both put what they find into `config`, and a mistake into `settings`.
void read_labels(TableReader& settings, Config& config);
void read_chunks(TableReader& settings, Config& config);

}  // namespace fittest::cli
