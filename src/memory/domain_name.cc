#include "memory/domain_name.h"

#include <unistd.h>

#include <algorithm>

#include "memory/cgroup_files.h"
#include "memory/process_table.h"

namespace fittest::memory {
namespace {

constexpr std::string_view kPrefix = "fittest-";
constexpr std::string_view kSelf = "-self";

bool only(std::string_view text, std::string_view extra) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           extra.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string DomainName::text() const {
  return std::string(kPrefix) + run_id + "." + std::to_string(owner) + "." + std::to_string(owner_start) + "." +
         std::to_string(owner_namespace) + (is_self ? std::string(kSelf) : "");
}

bool DomainName::owner_is_gone() const {
  if (owner_namespace != own_pid_namespace()) return false;
  const auto stat = read_stat(owner);
  return !stat || stat->start_time != owner_start || stat->is_zombie();
}

std::optional<DomainName> parse_domain_name(std::string_view text) {
  DomainName name;
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  if (text.ends_with(kSelf)) {
    name.is_self = true;
    text.remove_suffix(kSelf.size());
  }
  const auto parts = split(text, '.');
  if (parts.size() != 4 || !only(parts[0], "-")) return std::nullopt;
  const auto owner = parse_number(parts[1]);
  const auto start = parse_number(parts[2]);
  const auto space = parse_number(parts[3]);
  if (!owner || !start || !space || *owner == 0 || *owner > 0x7fffffff) return std::nullopt;
  name.run_id = parts[0];
  name.owner = static_cast<pid_t>(*owner);
  name.owner_start = *start;
  name.owner_namespace = *space;
  return name;
}

Result<DomainName> own_domain_name(const std::string& run_id) {
  if (!only(run_id, "-")) return failure("a run id may hold letters, digits and '-' only", "\"" + run_id + "\"");
  const auto stat = read_stat(::getpid());
  if (!stat) return failure("cannot read the own process's entry", "/proc/self/stat", "mount /proc");
  return DomainName{run_id, ::getpid(), stat->start_time, own_pid_namespace(), false};
}

Result<void> check_worker_name(const std::string& name) {
  if (!only(name, "_-"))
    return failure("a worker's name may hold letters, digits, '_' and '-' only", "\"" + name + "\"");
  return {};
}

}  // namespace fittest::memory
