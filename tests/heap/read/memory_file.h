#pragma once
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/descriptor.h"
#include "heap/read/trace_reader.h"

namespace fittest::heap {

// A file without a name, in memory.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes = {}) : file_(::memfd_create("trace", MFD_CLOEXEC)) {
    if (!file_) throw std::runtime_error("memfd_create failed");
    write(0, bytes);
  }
  void write(std::uint64_t place, std::string_view bytes) {
    if (::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(place)) !=
        static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("pwrite failed");
    }
  }
  void append(std::string_view bytes) { write(static_cast<std::uint64_t>(::lseek(file_.get(), 0, SEEK_END)), bytes); }
  [[nodiscard]] std::filesystem::path path() const { return fmt::format("/proc/self/fd/{}", file_.get()); }

 private:
  Descriptor file_;
};

inline Profile profile_of(std::string_view bytes, ReadOptions options = {}) {
  const MemoryFile file(bytes);
  auto profile = read_profile(file.path(), std::move(options));
  if (!profile) throw std::runtime_error(profile.error().text());
  return std::move(*profile);
}

}  // namespace fittest::heap
