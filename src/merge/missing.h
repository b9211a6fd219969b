#pragma once
#include <filesystem>

#include "core/error.h"
#include "merge/merge.h"

namespace fittest::merge {

// The ids of all tests without a verdict, one a line, behind a tab the variant where there is one. Control characters
// in an id are spelled "\x0a", a backslash "\\". Empty where nothing is missing.
Result<void> write_missing(const Merged& merged, const std::filesystem::path& file);

}  // namespace fittest::merge
