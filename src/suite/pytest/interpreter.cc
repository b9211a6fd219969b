#include "suite/pytest/interpreter.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>

namespace fittest::suite::pytest {
namespace {

namespace fs = std::filesystem;

bool is_program(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0;
}

std::optional<std::string> look_up(const std::string& name) {
  if (name.find('/') != std::string::npos) return is_program(name) ? std::optional(name) : std::nullopt;
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (true) {
    const std::size_t end = rest.find(':');
    const std::string_view folder = rest.substr(0, end);
    const fs::path file = fs::path(folder.empty() ? "." : folder) / name;
    if (is_program(file)) return file.string();
    if (end == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

Result<Interpreter> find_interpreter(const std::optional<std::string>& asked, const std::string& asked_source) {
  std::string name = "python3";
  std::string source = "python3 of PATH";
  if (asked) {
    name = *asked;
    source = asked_source;
  } else if (const char* variable = std::getenv("PYTHON"); variable != nullptr && *variable != '\0') {
    name = variable;
    source = "$PYTHON";
  }
  if (const auto path = look_up(name)) return Interpreter{*path, source};
  return failure("there is no program '" + name + "'", source,
                 "name the Python that has pytest: --python PATH, or $PYTHON");
}

}  // namespace fittest::suite::pytest
