#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "core/descriptor.h"

namespace fittest::report {

// A file in memory to write to, and what was written.
class Capture {
 public:
  Capture() : file_(::memfd_create("capture", MFD_CLOEXEC)) {}
  [[nodiscard]] int fd() const { return file_.get(); }
  [[nodiscard]] std::string bytes() const {
    std::string out(static_cast<std::size_t>(::lseek(file_.get(), 0, SEEK_END)), '\0');
    const ssize_t got = ::pread(file_.get(), out.data(), out.size(), 0);
    out.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return out;
  }

 private:
  Descriptor file_;
};

}  // namespace fittest::report
