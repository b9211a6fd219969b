#include "memory/kept_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "memory/cgroup_files.h"

namespace fittest::memory {

std::optional<std::string_view> KeptFile::text() {
  if (!open_) open_ = Descriptor(::open(file_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!open_) return std::nullopt;
  std::size_t length = 0;
  while (length < content_.size()) {
    const ssize_t got =
        ::pread(open_.get(), content_.data() + length, content_.size() - length, static_cast<off_t>(length));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    length += static_cast<std::size_t>(got);
    // The kernel hands such a file over in pieces of at most a page; anything shorter was the last.
    if (got < 4096 && (got == 0 || content_[length - 1] == '\n')) break;
  }
  return std::string_view(content_.data(), length);
}

std::optional<std::uint64_t> KeptFile::number() {
  const auto content = text();
  return content ? parse_number(*content) : std::nullopt;
}

std::optional<std::uint64_t> KeptFile::key(std::string_view key) {
  const auto content = text();
  return content ? parse_key(*content, key) : std::nullopt;
}

}  // namespace fittest::memory
