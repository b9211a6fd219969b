#include "kernel_files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <stdexcept>

namespace fittest::memory {

namespace fs = std::filesystem;

KernelFiles::KernelFiles() {
  std::string name = (fs::path(::testing::TempDir()) / "kernel-files.XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp fails");
  root_ = name;
  constexpr std::uint64_t kGiB = 1 << 20;  // in kB
  meminfo_ = {{"MemTotal", 16 * kGiB}, {"MemFree", 8 * kGiB},     {"MemAvailable", 12 * kGiB},
              {"Buffers", kGiB},       {"Cached", 3 * kGiB},      {"SwapTotal", kGiB},
              {"SwapFree", kGiB / 2},  {"CommitLimit", 9 * kGiB}, {"Committed_AS", 5 * kGiB}};
  write_meminfo();
  file("proc/sys/vm/overcommit_memory", "0\n");
  file("proc/self/limits",
       "Limit                     Soft Limit           Hard Limit           Units     \n"
       "Max cpu time              unlimited            unlimited            seconds   \n"
       "Max address space         unlimited            unlimited            bytes     \n");
  file("proc/self/mountinfo", "22 27 0:21 / /proc rw,relatime - proc proc rw\n");
  file("proc/self/cgroup", "");
  file("proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda2 partition 1048576 524288 -2\n");
}

KernelFiles::~KernelFiles() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

KernelFiles& KernelFiles::file(const std::string& path, std::string_view content) {
  fs::create_directories((root_ / path).parent_path());
  std::ofstream(root_ / path, std::ios::binary | std::ios::trunc) << content;
  return *this;
}

KernelFiles& KernelFiles::remove(const std::string& path) {
  fs::remove_all(root_ / path);
  return *this;
}

KernelFiles& KernelFiles::meminfo(const std::string& key, std::uint64_t kib) {
  meminfo_[key] = kib;
  write_meminfo();
  return *this;
}

KernelFiles& KernelFiles::mount_v2(const std::string& own, const std::string& mount_root) {
  mountinfo_ += fmt::format("41 31 0:38 {} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n", mount_root);
  cgroup_ += fmt::format("0::{}\n", own);
  fs::create_directories(root_ / "sys/fs/cgroup");
  return file("proc/self/mountinfo", mountinfo_).file("proc/self/cgroup", cgroup_);
}

KernelFiles& KernelFiles::mount_v1(const std::string& own, const std::string& mount_root) {
  mountinfo_ += fmt::format("35 31 0:32 {} /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n", mount_root);
  cgroup_ = fmt::format("9:name=systemd:/\n4:memory:{}\n", own) + cgroup_;
  fs::create_directories(root_ / "sys/fs/cgroup/memory");
  return file("proc/self/mountinfo", mountinfo_).file("proc/self/cgroup", cgroup_);
}

void KernelFiles::write_meminfo() {
  std::string text;
  for (const auto& [key, kib] : meminfo_) text += fmt::format("{:<16}{:>10} kB\n", key + ":", kib);
  file("proc/meminfo", text);
}

}  // namespace fittest::memory
