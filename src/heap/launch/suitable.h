#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"

namespace fittest::heap {

// Where a command leads: the file behind the name, looked for on the PATH as execvp does. Errors: there is none, or
// none that may be executed.
Result<std::filesystem::path> find_program(const std::string& name);

// Why a program cannot be traced by a preloaded library, in a few words for the user: "app is statically linked";
// nothing if nothing speaks against it. Looks at the file's own headers, and, where it is a script, at its
// interpreter's; and at the environment, where a sanitizer may be preloaded.
std::optional<std::string> why_not_traceable(const std::filesystem::path& program);

}  // namespace fittest::heap
