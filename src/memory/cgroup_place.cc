#include "memory/cgroup_place.h"

#include <algorithm>

#include "memory/cgroup_files.h"

namespace fittest::memory {
namespace {

// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) && octal(text[i + 2]) && octal(text[i + 3])) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::string_view v1_controller(Hierarchy hierarchy) {
  return hierarchy == Hierarchy::v1_memory ? "memory" : "freezer";
}

bool shows(const Mount& mount, Hierarchy hierarchy) {
  if (hierarchy == Hierarchy::v2) return mount.type == "cgroup2";
  return mount.type == "cgroup" && std::find(mount.super_options.begin(), mount.super_options.end(),
                                             v1_controller(hierarchy)) != mount.super_options.end();
}

// What of `path` lies below `top`, without a leading slash; nothing if it does not lie there. A cgroup outside of the
// own namespace is written with "/..", which no mount shows.
std::optional<std::string> below(std::string_view path, std::string_view top) {
  for (const std::string_view part : split(path, '/')) {
    if (part == "..") return std::nullopt;
  }
  if (top == "/") return std::string(path.substr(path.starts_with('/') ? 1 : 0));
  if (path == top) return std::string();
  if (path.starts_with(top) && path[top.size()] == '/') return std::string(path.substr(top.size() + 1));
  return std::nullopt;
}

}  // namespace

std::vector<std::filesystem::path> CgroupPlace::ancestors() const {
  std::vector<std::filesystem::path> all;
  for (std::filesystem::path at = own;; at = at.parent_path()) {
    all.push_back(at);
    if (at == mount || !at.has_relative_path()) return all;
  }
}

std::string CgroupPlace::cgroup_name(const std::filesystem::path& directory) const {
  const std::string relative = directory.lexically_relative(mount).string();
  if (relative.empty() || relative == ".") return mount_root;
  return (mount_root == "/" ? "" : mount_root) + "/" + relative;
}

std::vector<Mount> parse_mountinfo(std::string_view text) {
  std::vector<Mount> mounts;
  for (const std::string_view line : split(text, '\n')) {
    const auto words = split(line, ' ');
    // "36 35 98:0 <root> <point> <options> <tag>* - <type> <source> <super options>"
    const auto dash = std::find(words.begin(), words.end(), std::string_view("-"));
    if (dash - words.begin() < 6 || words.end() - dash < 4) continue;
    Mount mount{unescape(words[3]), unescape(words[4]), std::string(dash[1]), {}};
    if (!mount.root.starts_with('/') || !mount.point.starts_with('/')) continue;
    for (const std::string_view option : split(dash[3], ',')) mount.super_options.emplace_back(option);
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

std::optional<std::string> parse_own_cgroup(std::string_view text, Hierarchy hierarchy) {
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view path = line.substr(second + 1);
    if (!path.starts_with('/')) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (hierarchy == Hierarchy::v2) {
      if (line.substr(0, first) == "0" && controllers.empty()) return std::string(path);
      continue;
    }
    const auto names = split(controllers, ',');
    if (std::find(names.begin(), names.end(), v1_controller(hierarchy)) != names.end()) return std::string(path);
  }
  return std::nullopt;
}

std::optional<CgroupPlace> find_place(Hierarchy hierarchy, const std::filesystem::path& root) {
  const auto mountinfo = read_text(root / "proc/self/mountinfo");
  const auto cgroup = read_text(root / "proc/self/cgroup");
  if (!mountinfo || !cgroup) return std::nullopt;
  const auto path = parse_own_cgroup(*cgroup, hierarchy);
  if (!path) return std::nullopt;

  std::optional<CgroupPlace> found;
  for (const Mount& mount : parse_mountinfo(*mountinfo)) {
    if (!shows(mount, hierarchy)) continue;
    CgroupPlace place{root / std::filesystem::path(mount.point).relative_path(), mount.root, {}};
    const auto relative = below(*path, mount.root);
    place.own = relative && !relative->empty() ? place.mount / *relative : place.mount;
    std::error_code ignored;
    const bool exists = std::filesystem::is_directory(place.own, ignored);
    if (relative && exists) return place;
    // A container may see its cgroup's files only at the mount, while /proc names a path of the host: better the
    // mount's own limits than none.
    place.own = place.mount;
    if (!found && std::filesystem::is_directory(place.own, ignored)) found = std::move(place);
  }
  return found;
}

}  // namespace fittest::memory
