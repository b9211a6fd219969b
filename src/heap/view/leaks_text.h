#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "heap/view/leaks.h"
#include "heap/view/look.h"

namespace fittest::heap {

struct LeaksTextOptions {
  std::size_t limit = 10;        // stacks; 0: all
  std::size_t frames_limit = 8;  // of each, the innermost; 0: all
};

// What tests left, the largest first, each with what it looks like, the tests and its frames. `problems`: of reading.
std::string leaks_text(const Leaks& leaks, const std::vector<std::string>& problems, const LeaksTextOptions& options,
                       const Look& look);

// The same in few lines, two for each of the largest `limit` stacks; nothing where nothing was left. `command`: what
// shows the rest. `missing`: what was not read, or "".
std::string leaks_summary(const Leaks& leaks, std::size_t limit, std::string_view command, std::string_view missing,
                          const Look& look);

// For programs: docs/heap.md describes it.
std::string leaks_json(const Leaks& leaks, const std::vector<std::string>& problems, std::size_t limit);

}  // namespace fittest::heap
