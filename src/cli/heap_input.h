#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "heap/read/profile.h"
#include "heap/symbols/symbols.h"
#include "heap/view/stacks.h"

namespace fittest::cli {

// Traces as reports need them: read, as one, with names. `problems` of the profile are those of reading and of the
// names.
struct HeapInput {
  heap::Profile profile;
  heap::Stacks stacks;
  std::size_t processes = 1;
};

// Several files are put together: processes of one run. What a process took over from its parent is looked up in the
// parent's trace, if that is among the files or beside them. `native`: CPython's own functions too.
Result<HeapInput> read_heap_traces(const std::vector<std::filesystem::path>& files, bool native);

// The stacks of a profile under the names that `symbols`, made of the same profile, knows.
heap::Stacks gather(const heap::Profile& profile, heap::Symbols& symbols);

}  // namespace fittest::cli
