#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace fittest {
namespace {

constexpr std::size_t kBuffered = 256 << 10;
constexpr const char* kRemedy = "make the place writable, and see that there is room on the disk";

// Where a link leads, whether or not something is there: the link stays.
std::filesystem::path behind_links(std::filesystem::path file) {
  std::error_code problem;
  for (int links = 0; links < 40 && std::filesystem::is_symlink(file, problem); ++links) {
    file = file.parent_path() / std::filesystem::read_symlink(file, problem);
  }
  return file;
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path file, std::filesystem::path unfinished, Descriptor opened)
    : file_(std::move(file)), unfinished_(std::move(unfinished)), opened_(std::move(opened)) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : file_(std::move(other.file_)),
      unfinished_(std::exchange(other.unfinished_, {})),
      opened_(std::move(other.opened_)),
      buffer_(std::move(other.buffer_)),
      failed_(other.failed_) {}

AtomicFile::~AtomicFile() {
  if (!unfinished_.empty()) ::unlink(unfinished_.c_str());
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& named) {
  const std::filesystem::path file = behind_links(named);
  std::error_code problem;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), problem);
  if (problem) return failure("cannot make its folder: " + problem.message(), file.string(), kRemedy);
  const std::filesystem::path unfinished = file.string() + "." + std::to_string(::getpid()) + ".tmp";
  // What is there under this name was left by a process of the same number that was killed.
  ::unlink(unfinished.c_str());
  Descriptor opened(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!opened) return system_failure(errno, "cannot be written", unfinished.string(), kRemedy);
  AtomicFile made(file, unfinished, std::move(opened));
  struct stat old {};
  if (::stat(file.c_str(), &old) != 0) return made;
  if (!S_ISREG(old.st_mode)) {
    return failure("cannot be written: what is there is no plain file", file.string(), "name another place");
  }
  // The owner first: to change it takes the set-user-id bits. Only root can give a file away; others keep what they
  // may.
  if (::fchown(made.opened_.get(), old.st_uid, old.st_gid) != 0) errno = 0;
  if (::fchmod(made.opened_.get(), old.st_mode & 07777U) != 0) {
    return system_failure(errno, "cannot be given the permissions of the old file", file.string(), kRemedy);
  }
  return made;
}

void AtomicFile::add(std::string_view bytes) {
  buffer_ += bytes;
  if (buffer_.size() >= kBuffered) flush();
}

void AtomicFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && failed_ == 0) {
    const ssize_t done = ::write(opened_.get(), rest.data(), rest.size());
    if (done > 0) {
      rest.remove_prefix(static_cast<std::size_t>(done));
    } else if (done == 0 || errno != EINTR) {
      failed_ = done == 0 ? ENOSPC : errno;
    }
  }
  buffer_.clear();
}

Result<void> AtomicFile::commit() {
  flush();
  if (failed_ == 0 && ::fsync(opened_.get()) != 0) failed_ = errno;
  if (failed_ == 0 && ::rename(unfinished_.c_str(), file_.c_str()) != 0) failed_ = errno;
  if (failed_ != 0) return system_failure(failed_, "cannot be written", file_.string(), kRemedy);
  unfinished_.clear();
  return {};
}

Result<void> write_file(const std::filesystem::path& file, std::string_view text) {
  auto opened = AtomicFile::create(file);
  if (!opened) return tl::unexpected(opened.error());
  opened->add(text);
  return opened->commit();
}

}  // namespace fittest
