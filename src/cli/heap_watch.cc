#include "cli/heap_watch.h"

#include <cstdlib>
#include <filesystem>

#include "heap/launch/suitable.h"
#include "heap/library.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;

// Where the library goes that the program carries in itself.
fs::path library_folder() {
  const fs::path folder = heap::heap_library_folder();
  return folder.empty() ? fs::path(".fittest") : folder;
}

}  // namespace

suite::pytest::HeapWatch heap_watch(const std::string& mode, const std::string& source,
                                    const suite::pytest::Interpreter& python) {
  suite::pytest::HeapWatch watch;
  std::error_code problem;
  watch.program = fs::read_symlink("/proc/self/exe", problem).string();
  if (mode == "off") {
    watch.why_not = "heap is off (" + source + ")";
    return watch;
  }
  if (const auto why = heap::why_not_traceable(python.path)) {
    watch.why_not = *why;
    return watch;
  }
  const auto library = heap::heap_library(library_folder());
  if (!library) {
    watch.why_not = library.error().where + ": " + library.error().what;
    return watch;
  }
  const char* before = std::getenv("LD_PRELOAD");
  const std::string others = before != nullptr && *before != '\0' ? std::string(before) + ":" : "";
  watch.environment = {"LD_PRELOAD=" + others + *library, "FITTEST_HEAP_MODE=" + mode};
  watch.writes_traces = mode != "count";
  if (watch.writes_traces) watch.environment.emplace_back("FITTEST_HEAP_FOLLOW=fork");
  return watch;
}

}  // namespace fittest::cli
