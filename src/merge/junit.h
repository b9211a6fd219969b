#pragma once
#include <filesystem>

#include "core/error.h"
#include "merge/merge.h"

namespace fittest::merge {

// One JUnit XML file: a testsuite for each run, with the tests whose verdict is taken from it, and one for each part's
// tests that have none, each an <error>. The file is replaced whole or not at all.
Result<void> write_junit(const Merged& merged, const std::filesystem::path& file);

}  // namespace fittest::merge
