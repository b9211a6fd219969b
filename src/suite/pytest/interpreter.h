#pragma once
#include <optional>
#include <string>

#include "core/error.h"

namespace fittest::suite::pytest {

struct Interpreter {
  std::string path;
  std::string source;  // "--python", "$PYTHON", "python3 of PATH"
};

// What the user named, else $PYTHON, else python3. Errors: it is not there, or no program.
Result<Interpreter> find_interpreter(const std::optional<std::string>& asked, const std::string& asked_source);

// Starts it to see whether it has pytest. Errors: it cannot be started, or has none.
Result<void> try_interpreter(const Interpreter& python);

}  // namespace fittest::suite::pytest
