#pragma once
#include <optional>
#include <string>

#include "cli/config_file.h"
#include "suite/pytest/interpreter.h"

namespace fittest::cli {

// The Python of --python, else of the configuration, else of the surroundings.
Result<suite::pytest::Interpreter> choose_interpreter(const std::optional<std::string>& asked, const Config& config);

}  // namespace fittest::cli
