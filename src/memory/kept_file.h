#pragma once
// A small file of the kernel that is read again and again.
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "core/descriptor.h"

namespace fittest::memory {

// Stays open from the first read on, so that each further one costs a single system call: opening a cgroup's file costs
// five times as much as reading it. Nothing is read once the cgroup is gone.
class KeptFile {
 public:
  explicit KeptFile(std::filesystem::path file) : file_(std::move(file)) {}

  // The content as of now, cut after 8 KiB; valid until the next read.
  [[nodiscard]] std::optional<std::string_view> text();
  [[nodiscard]] std::optional<std::uint64_t> number();
  // The number behind `key` in lines of "key number".
  [[nodiscard]] std::optional<std::uint64_t> key(std::string_view key);

 private:
  std::filesystem::path file_;
  Descriptor open_;
  std::array<char, 8192> content_;
};

}  // namespace fittest::memory
