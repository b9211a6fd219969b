#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/descriptor.h"

namespace fittest::heap {

// A file that is open for reading.
struct DebugFile {
  std::filesystem::path path;
  Descriptor descriptor;
};

// Opens a regular file; nothing else is waited for or touched. Empty, with errno set, where that fails.
Descriptor open_regular(const std::filesystem::path& path);

// The raw bytes of an ELF file's build id; "" if it has none, or is no ELF file.
std::string build_id_of(const Descriptor& file);

// What an object says of the file that its debug information was moved to.
struct DebugLink {
  std::string build_id;  // raw bytes; "": none
  std::string name;      // of .gnu_debuglink; "": none
  std::uint32_t crc = 0;
};

// The split debug information of `object`: by build id below each of `folders` (.build-id/xx/yyyy.debug), then by name
// beside the object, in .debug beside it, and below each of `folders` in the object's own folder. A file found by name
// counts only if its build id is the object's or, without one, its checksum is the link's. Nothing is ever fetched.
std::optional<DebugFile> find_debug_file(const std::vector<std::filesystem::path>& folders,
                                         const std::filesystem::path& object, const DebugLink& link);

// What dwz moved out of several debug files into one (.gnu_debugaltlink): `name` is relative to `debug_file`'s folder,
// or absolute; its build id must be `build_id`.
std::optional<DebugFile> find_alternate_file(const std::vector<std::filesystem::path>& folders,
                                             const std::filesystem::path& debug_file, const std::string& name,
                                             const std::string& build_id);

}  // namespace fittest::heap
