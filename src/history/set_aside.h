#pragma once
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "core/descriptor.h"
#include "core/error.h"

namespace fittest::history {

// Which file it is that stands at a path, whatever becomes of the path.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};
std::optional<FileIdentity> identity_of(const std::filesystem::path& file);

// A lock on the folder of a database: held shared while one is opened, alone while one is taken away, so that no
// process opens a file whose log is gone already. Empty where the file system has no locks, which leaves a small
// chance.
enum class FolderUse { open, take_away };
Descriptor lock_folder(const std::filesystem::path& file, FolderUse use);

// Renames a database to "<file>.<suffix>-<n>" with the first free n, its write-ahead log with it. Only if it still is
// `judged`: of two processes that found it unusable, the second must not take away the new one that the first began;
// nothing is returned then. Fails where the folder cannot be written.
Result<std::optional<std::filesystem::path>> set_aside(const std::filesystem::path& file, const FileIdentity& judged,
                                                       const std::string& suffix);

}  // namespace fittest::history
