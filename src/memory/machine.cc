#include "memory/machine.h"

#include <algorithm>
#include <charconv>

#include "memory/cgroup_files.h"
#include "memory/cgroup_place.h"
#include "memory/proc_members.h"
#include "memory/process_table.h"
#include "memory/working_set.h"

namespace fittest::memory {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHungriest = 5;

std::optional<Bytes> limit_in(const fs::path& file) {
  const auto number = read_number(file);
  if (!number || *number >= (std::uint64_t{1} << 62)) return std::nullopt;  // v1's "no limit"
  return Bytes{*number};
}

std::optional<Bytes> held_in(const fs::path& charge, const fs::path& stat, Hierarchy hierarchy) {
  const auto charged = read_number(charge);
  if (!charged) return std::nullopt;
  return Bytes{*charged} - unmapped_cache(read_text(stat).value_or(""), hierarchy);
}

void read_cgroups(const fs::path& root, Machine& machine) {
  if (const auto place = find_place(Hierarchy::v2, root)) {
    for (const fs::path& at : place->ancestors()) {
      if (!is_there(at / "memory.stat")) continue;  // no memory controller there
      machine.cgroups.push_back({"v2", place->cgroup_name(at), limit_in(at / "memory.max"),
                                 limit_in(at / "memory.high"),
                                 held_in(at / "memory.current", at / "memory.stat", Hierarchy::v2),
                                 read_key(at / "memory.events", "oom_kill")});
      if (machine.limits.swap_total > Bytes{} && is_there(at / "memory.max") && !is_there(at / "memory.swap.max")) {
        machine.swap_accounting_off = true;
      }
    }
  }
  if (const auto place = find_place(Hierarchy::v1_memory, root)) {
    for (const fs::path& at : place->ancestors()) {
      machine.cgroups.push_back({"v1", place->cgroup_name(at), limit_in(at / "memory.limit_in_bytes"), std::nullopt,
                                 held_in(at / "memory.usage_in_bytes", at / "memory.stat", Hierarchy::v1_memory),
                                 read_key(at / "memory.oom_control", "oom_kill")});
      if (machine.limits.swap_total > Bytes{} && !is_there(at / "memory.memsw.limit_in_bytes")) {
        machine.swap_accounting_off = true;
      }
    }
  }
}

std::optional<std::string> container(const fs::path& root) {
  const auto variable = [&](const char* file, std::string_view name) {
    const auto text = read_text(root / file);
    return text ? parse_environ(*text, name) : std::nullopt;
  };
  if (variable("proc/self/environ", "KUBERNETES_SERVICE_HOST")) return "kubernetes";
  if (is_there(root / ".dockerenv")) return "docker";
  if (is_there(root / "run/.containerenv")) return "podman";
  if (auto named = variable("proc/1/environ", "container"); named && !named->empty()) return named;
  if (auto text = read_text(root / "run/systemd/container")) {
    while (!text->empty() && text->back() == '\n') text->pop_back();
    if (!text->empty()) return text;
  }
  return std::nullopt;
}

// "memory\t3\t120\t1": the last figure says whether it is enabled.
bool controller_is_off(const fs::path& root) {
  const auto text = read_text(root / "proc/cgroups");
  if (!text) return false;
  for (const std::string_view line : split(*text, '\n')) {
    if (line.starts_with("memory\t")) return line.ends_with("\t0");
  }
  return false;
}

bool tmp_is_memory(const fs::path& root) {
  const auto text = read_text(root / "proc/self/mountinfo");
  if (!text) return false;
  std::string type;
  for (const Mount& mount : parse_mountinfo(*text)) {
    if (mount.point == "/tmp") type = mount.type;  // the last one covers those before
  }
  return type == "tmpfs" || type == "ramfs";
}

double uptime(const fs::path& root) {
  const std::string text = read_text(root / "proc/uptime").value_or("");
  double seconds = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  return seconds;
}

std::vector<HungryProcess> hungriest(const fs::path& root) {
  std::vector<HungryProcess> all;
  std::error_code gone;
  for (fs::directory_iterator it(root / "proc", gone), end; !gone && it != end; it.increment(gone)) {
    if (!parse_number(it->path().filename().string())) continue;
    const auto text = read_text(it->path() / "stat");
    const auto stat = text ? parse_stat(*text) : std::nullopt;
    if (!stat || stat->resident == Bytes{}) continue;
    const std::size_t open = text->find('(');
    all.push_back({stat->pid, text->substr(open + 1, text->rfind(')') - open - 1), stat->resident});
  }
  std::sort(all.begin(), all.end(), [](const HungryProcess& a, const HungryProcess& b) {
    return a.resident != b.resident ? a.resident > b.resident : a.pid < b.pid;
  });
  all.resize(std::min(all.size(), kHungriest));
  return all;
}

}  // namespace

Result<Machine> read_machine(const fs::path& root) {
  auto limits = read_limits(root);
  if (!limits) return tl::unexpected(limits.error());
  Machine machine;
  machine.limits = std::move(*limits);
  read_cgroups(root, machine);
  machine.container = container(root);
  machine.memory_controller_off = controller_is_off(root);
  machine.tmp_is_memory = tmp_is_memory(root);
  machine.kills_since_boot = read_key(root / "proc/vmstat", "oom_kill");
  machine.uptime = uptime(root);
  machine.kernel_kills = read_kernel_kills(root);
  machine.hungriest = hungriest(root);
  return machine;
}

DomainTrial try_domain(Bytes budget) {
  DomainTrial trial;
  auto opened = open_domain({"doctor", budget, std::nullopt});
  if (!opened) {
    trial.reasons.push_back(opened.error().text());
    return trial;
  }
  trial.kind = opened->domain->kind();
  trial.enforces = opened->domain->enforces();
  trial.reasons = std::move(opened->reasons);
  trial.shortcomings = opened->domain->shortcomings();
  return trial;
}

}  // namespace fittest::memory
