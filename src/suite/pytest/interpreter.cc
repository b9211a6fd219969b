#include "suite/pytest/interpreter.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "core/exit_status.h"
#include "suite/process.h"

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

Result<void> try_interpreter(const Interpreter& python) {
  ProcessOrder order;
  order.command = {python.path, "-c", "import os, sys, pytest; os._exit(0 if sys.version_info >= (3, 9) else 1)"};
  const Descriptor nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (nowhere) order.error = nowhere.get();
  const auto process = start_process(order);
  if (!process) return tl::unexpected(process.error());
  int status = 0;
  while (::waitpid(process->pid, &status, 0) < 0 && errno == EINTR) continue;
  if (ExitStatus(status).code() == 0) return {};
  return failure("this Python has no pytest, or is older than 3.9", python.path + " (" + python.source + ")",
                 "install pytest there, or name another Python: --python PATH, or $PYTHON");
}

}  // namespace fittest::suite::pytest
