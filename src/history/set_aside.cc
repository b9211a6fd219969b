#include "history/set_aside.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

namespace fittest::history {
namespace {

namespace fs = std::filesystem;

fs::path with_ending(const fs::path& file, const std::string& ending) {
  fs::path named = file;
  named += ending;
  return named;
}

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::symlink_status(file, ignored).type() != fs::file_type::not_found;
}

}  // namespace

std::optional<FileIdentity> identity_of(const fs::path& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return std::nullopt;
  return FileIdentity{found.st_dev, found.st_ino};
}

Descriptor lock_folder(const fs::path& file, FolderUse use) {
  Descriptor folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return folder;
  while (::flock(folder.get(), use == FolderUse::open ? LOCK_SH : LOCK_EX) != 0) {
    if (errno != EINTR) return {};
  }
  return folder;
}

Result<std::optional<fs::path>> set_aside(const fs::path& file, const FileIdentity& judged, const std::string& suffix) {
  const Descriptor lock = lock_folder(file, FolderUse::take_away);
  if (identity_of(file) != judged) return std::optional<fs::path>{};
  fs::path aside;
  for (int n = 1; aside.empty() || is_there(aside); ++n)
    aside = with_ending(file, "." + suffix + "-" + std::to_string(n));
  // The log goes first: beside a new database it would be taken for that one's and written into it.
  const fs::path log = with_ending(file, "-wal");
  if (is_there(log) && ::rename(log.c_str(), with_ending(aside, "-wal").c_str()) != 0)
    return system_failure(errno, "cannot rename", log.string());
  std::error_code ignored;
  fs::remove(with_ending(file, "-shm"), ignored);
  if (::rename(file.c_str(), aside.c_str()) != 0) return system_failure(errno, "cannot rename", file.string());
  return aside;
}

}  // namespace fittest::history
