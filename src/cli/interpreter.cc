#include "cli/interpreter.h"

namespace fittest::cli {

Result<suite::pytest::Interpreter> choose_interpreter(const std::optional<std::string>& asked, const Config& config) {
  if (asked) return suite::pytest::find_interpreter(asked, "--python");
  if (config.python) return suite::pytest::find_interpreter(config.python->value, config.python->source);
  return suite::pytest::find_interpreter(std::nullopt, "");
}

}  // namespace fittest::cli
