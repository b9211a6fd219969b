#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "core/descriptor.h"
#include "core/error.h"

namespace fittest {

// A file that appears under its name whole, or not at all: it is written beside its place, brought to the disk and
// renamed. What was there before stays until then; given up before commit(), it leaves nothing. Owner and permissions
// of a file that was there are kept; a link stays, and what it leads to is replaced.
class AtomicFile {
 public:
  // Makes the folders above it too. The errors are those of writing there.
  static Result<AtomicFile> create(const std::filesystem::path& file);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // What goes wrong here is said by commit().
  void add(std::string_view bytes);
  // To be called once, as the last thing.
  Result<void> commit();

 private:
  AtomicFile(std::filesystem::path file, std::filesystem::path unfinished, Descriptor opened);
  void flush();

  std::filesystem::path file_;
  std::filesystem::path unfinished_;  // empty once there is none any more
  Descriptor opened_;
  std::string buffer_;
  int failed_ = 0;  // errno, or 0
};

// The same for a text that is there already.
Result<void> write_file(const std::filesystem::path& file, std::string_view text);

}  // namespace fittest
