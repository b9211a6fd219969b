#pragma once
#include <unistd.h>

#include <optional>
#include <utility>

namespace fittest {

// Owns one file descriptor and closes it; empty when moved from. There is no "-1 means none" outside this class.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) {
    if (fd >= 0) fd_ = fd;
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, std::nullopt)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, std::nullopt);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  explicit operator bool() const { return fd_.has_value(); }
  // Only on an open one.
  [[nodiscard]] int get() const { return fd_.value(); }
  // Gives up ownership. Only on an open one.
  [[nodiscard]] int release() {
    const int fd = fd_.value();
    fd_.reset();
    return fd;
  }
  void reset() {
    if (fd_) ::close(*fd_);
    fd_.reset();
  }

 private:
  std::optional<int> fd_;
};

}  // namespace fittest
