#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/error.h"

namespace fittest {

// The bytes of a regular file of at most `largest` bytes. Errors name it: it is none, is larger, cannot be read.
Result<std::string> read_file(const std::filesystem::path& file, std::uintmax_t largest = std::uintmax_t{256} << 20);

}  // namespace fittest
