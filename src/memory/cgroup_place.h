#pragma once
// Where this process stands in a cgroup hierarchy: which directory is its cgroup, as far as it is mounted here.
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fittest::memory {

enum class Hierarchy { v2, v1_memory, v1_freezer };

// The own cgroup and what is above it, inside one mount.
struct CgroupPlace {
  std::filesystem::path mount;  // where the hierarchy is mounted
  std::string mount_root;       // which cgroup that mount shows at its top ("/" outside containers)
  std::filesystem::path own;    // directory of the own cgroup; the mount itself when it cannot be told
  // Directories from the own cgroup up to the mount, innermost first.
  [[nodiscard]] std::vector<std::filesystem::path> ancestors() const;
  // The kernel's name of one of these directories: "/user.slice/user-0.slice".
  [[nodiscard]] std::string cgroup_name(const std::filesystem::path& directory) const;
};

struct Mount {
  std::string root;
  std::string point;
  std::string type;
  std::vector<std::string> super_options;
};
// Lines of mountinfo that make sense; the others are passed over.
std::vector<Mount> parse_mountinfo(std::string_view text);

// The path behind the hierarchy in the text of /proc/self/cgroup ("0::/a" for v2, "4:memory:/a" for v1).
std::optional<std::string> parse_own_cgroup(std::string_view text, Hierarchy hierarchy);

// Reads proc/self/{mountinfo,cgroup} below `root`; nothing where the hierarchy is not mounted or not joined.
std::optional<CgroupPlace> find_place(Hierarchy hierarchy, const std::filesystem::path& root = "/");

}  // namespace fittest::memory
