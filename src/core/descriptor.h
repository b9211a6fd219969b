#pragma once
#include <unistd.h>

#include <cassert>
#include <utility>

namespace fittest {

// Owns one file descriptor and closes it; empty when moved from. There is no "-1 means none" outside this class.
class Descriptor {
 public:
  Descriptor() = default;
  // What a system call returned: below 0, the object is empty.
  explicit Descriptor(int fd) : fd_(fd < 0 ? kNone : fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, kNone)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, kNone);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  explicit operator bool() const { return fd_ != kNone; }
  // Only on an open one.
  [[nodiscard]] int get() const {
    assert(fd_ != kNone);
    return fd_;
  }
  // Gives up ownership. Only on an open one.
  [[nodiscard]] int release() {
    assert(fd_ != kNone);
    return std::exchange(fd_, kNone);
  }
  void reset() {
    if (fd_ != kNone) ::close(std::exchange(fd_, kNone));
  }

 private:
  static constexpr int kNone = -1;
  int fd_ = kNone;
};

}  // namespace fittest
