#pragma once
#include <filesystem>
#include <optional>

#include "core/bytes.h"

namespace fittest::cluster {

// What the framework's session held once it had collected, in the latest run below the folder (".fittest") that tells.
// Nothing where there is none.
std::optional<Bytes> last_session_size(const std::filesystem::path& state_folder);

}  // namespace fittest::cluster
