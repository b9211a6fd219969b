#include "heap/library.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/atomic_file.h"
#include "core/read_file.h"

// The library that the build has made, as it is. FITTEST_HEAP_BUILT is its path.
asm(".pushsection .rodata\n"
    ".globl fittest_heap_library_begin\n"
    ".hidden fittest_heap_library_begin\n"
    "fittest_heap_library_begin:\n"
    ".incbin \"" FITTEST_HEAP_BUILT
    "\"\n"
    ".globl fittest_heap_library_end\n"
    ".hidden fittest_heap_library_end\n"
    "fittest_heap_library_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" {
[[gnu::visibility("hidden")]] extern const char fittest_heap_library_begin[];
[[gnu::visibility("hidden")]] extern const char fittest_heap_library_end[];
}

namespace fittest::heap {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVariable = "FITTEST_HEAP_LIBRARY";
constexpr const char* kName = "libfittest_heap.so";

std::string_view content() {
  return {fittest_heap_library_begin, static_cast<std::size_t>(fittest_heap_library_end - fittest_heap_library_begin)};
}

// FNV-1a: a name, so that two versions of fittest do not write over each other's library. What counts is the content.
std::uint64_t name_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

Result<std::string> checked(const fs::path& file) {
  std::error_code problem;
  const std::string path = fs::absolute(file, problem).string();
  if (problem) return failure("cannot be made absolute: " + problem.message(), file.string());
  if (path.find_first_of(": \t\n") != std::string::npos) {
    return failure("a path with a space or a colon cannot stand in LD_PRELOAD", path,
                   "name a folder without one, or a copy of the library, with XDG_CACHE_HOME or FITTEST_HEAP_LIBRARY");
  }
  return path;
}

}  // namespace

fs::path heap_library_folder() {
  for (const auto& [variable, below] : {std::pair{"XDG_CACHE_HOME", "fittest"}, std::pair{"HOME", ".cache/fittest"}}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value == '/') return fs::path(value) / below;
  }
  return {};
}

Result<std::string> heap_library(const fs::path& folder) {
  if (const char* named = std::getenv(kVariable); named != nullptr && *named != '\0') {
    std::error_code problem;
    if (!fs::is_regular_file(named, problem)) return failure("is no file", fmt::format("{}: {}", kVariable, named));
    return checked(named);
  }
  const fs::path file = folder / fmt::format("heap-{:016x}", name_of(content())) / kName;
  auto path = checked(file);
  if (!path) return path;
  if (const auto there = read_file(file, content().size()); there && *there == content()) return path;
  if (auto written = write_file(file, content()); !written) return tl::unexpected(written.error());
  return path;
}

}  // namespace fittest::heap
