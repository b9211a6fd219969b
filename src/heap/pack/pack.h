#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "core/error.h"

namespace fittest::heap {

enum class Packed {
  packed,
  as_it_is,  // it gains nothing, or must not be changed: not a sampled one, of a family of processes, damaged
};

// Puts a sampled trace whose process has ended into its packed form (docs/heap-trace.md), in its place: the same
// figures in a file of a fraction of the size. What is lost is the order of allocations between two moments that a
// reader tells apart. The file is replaced as a whole, or left as it is. Errors: it cannot be read, or the new one not
// be written.
Result<Packed> pack_trace(const std::filesystem::path& file);

// The bytes of the packed form; nothing: the trace is one to leave as it is.
Result<std::optional<std::string>> packed_form(const std::filesystem::path& file);

}  // namespace fittest::heap
