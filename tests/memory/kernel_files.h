#pragma once
// Trees of kernel files as other machines have them, written into a temporary directory.
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace fittest::memory {

// Removed when destroyed. Starts with a /proc of a machine of 16 GiB, 12 of them available, 1 GiB of swap, without
// cgroups.
class KernelFiles {
 public:
  KernelFiles();
  KernelFiles(const KernelFiles&) = delete;
  KernelFiles& operator=(const KernelFiles&) = delete;
  ~KernelFiles();

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  // Writes a file, with the directories above it.
  KernelFiles& file(const std::string& path, std::string_view content);
  KernelFiles& remove(const std::string& path);
  // A line of /proc/meminfo, in kB.
  KernelFiles& meminfo(const std::string& key, std::uint64_t kib);
  // Mounts v2 or v1's memory controller at /sys/fs/cgroup[/memory], which shows `mount_root` at its top; the process
  // stands in `own`.
  KernelFiles& mount_v2(const std::string& own, const std::string& mount_root = "/");
  KernelFiles& mount_v1(const std::string& own, const std::string& mount_root = "/");

 private:
  void write_meminfo();

  std::filesystem::path root_;
  std::string mountinfo_;
  std::string cgroup_;
  std::map<std::string, std::uint64_t> meminfo_;
};

}  // namespace fittest::memory
