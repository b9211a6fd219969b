#pragma once
#include <filesystem>
#include <string>

#include "core/error.h"

namespace fittest::heap {

// The path of libfittest_heap.so, which the program carries in itself: for LD_PRELOAD. It is put below `folder`, under
// a name made of its content, unless it is there already; it appears there whole or not at all. FITTEST_HEAP_LIBRARY in
// the environment names another one instead. Errors: it cannot be written; the path holds a space or a colon, which
// LD_PRELOAD cannot.
Result<std::string> heap_library(const std::filesystem::path& folder);

// Where it goes when nobody says otherwise: below $XDG_CACHE_HOME or ~/.cache; nothing where neither can be.
std::filesystem::path heap_library_folder();

}  // namespace fittest::heap
