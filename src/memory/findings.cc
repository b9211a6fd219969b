#include "memory/findings.h"

#include <fmt/format.h>

#include <algorithm>

namespace fittest::memory {
namespace {

using Findings = std::vector<Finding>;

void look_at_budget(const Machine& machine, const Result<Budget>& budget, Findings& findings) {
  if (!budget) {
    const Error& error = budget.error();
    findings.push_back(
        {Severity::blocker, error.where.empty() ? error.what : error.where + ": " + error.what, error.remedy});
    return;
  }
  const Bytes total = machine.limits.mem_total;
  if (budget->bytes + budget->reserve >= total.scaled(0.5)) return;
  const auto tightest = std::find_if(machine.limits.cgroups.begin(), machine.limits.cgroups.end(),
                                     [&](const Limit& limit) { return limit.source == budget->source; });
  if (tightest == machine.limits.cgroups.end()) return;  // the others have findings of their own
  std::string remedy = "raise that limit, or run where there is none";
  if (machine.container) {
    remedy = *machine.container == "kubernetes" ? "raise resources.limits.memory of this container"
                                                : "start the container with a larger limit (--memory)";
  } else if (tightest->source.find(".slice") != std::string::npos ||
             tightest->source.find(".scope") != std::string::npos ||
             tightest->source.find(".service") != std::string::npos) {
    remedy = "raise MemoryMax= and MemoryHigh= of that systemd unit: systemctl set-property";
  }
  findings.push_back({Severity::warning,
                      fmt::format("The machine has {}, but {} leaves {}: it allows {}, of which {} are held already.",
                                  format_bytes(total), tightest->source, format_bytes(tightest->bytes - tightest->used),
                                  format_bytes(tightest->bytes), format_bytes(tightest->used)),
                      std::move(remedy)});
}

void look_at_free_memory(const Machine& machine, Findings& findings) {
  const MemoryLimits& limits = machine.limits;
  if (limits.mem_available >= limits.mem_total.scaled(0.25)) return;
  std::string most;
  for (std::size_t i = 0; i < std::min<std::size_t>(machine.hungriest.size(), 3); ++i) {
    const HungryProcess& process = machine.hungriest[i];
    if (process.resident < limits.mem_total.scaled(0.01)) break;
    most += fmt::format("{}{} (pid {}) {}", most.empty() ? "" : ", ", process.name, process.pid,
                        format_bytes(process.resident));
  }
  findings.push_back(
      {Severity::warning,
       fmt::format("Only {} of {} are available: others hold the rest.{}", format_bytes(limits.mem_available),
                   format_bytes(limits.mem_total), most.empty() ? "" : " Most is held by " + most + "."),
       "end what is not needed, or run when the machine is idle"});
}

void look_at_overcommit(const Machine& machine, const Result<Budget>& budget, Findings& findings) {
  const MemoryLimits& limits = machine.limits;
  if (limits.overcommit_memory == 2) {
    findings.push_back(
        {Severity::warning,
         fmt::format(
             "The kernel promises no more memory than it has (vm.overcommit_memory is 2; {} are left to "
             "promise). A fork of a large process needs all that it could write promised again, so workers cost "
             "far more than they hold.",
             format_bytes(limits.commit_left.value_or(Bytes{}))),
         "sysctl vm.overcommit_memory=0, or add swap, which raises what can be promised"});
  }
  if (limits.address_space && (!budget || *limits.address_space < budget->bytes)) {
    findings.push_back({Severity::warning,
                        fmt::format("Each process may map {} at most (ulimit -v). A test that needs more fails to "
                                    "allocate, whatever the budget; threads and libraries map much that they never "
                                    "hold.",
                                    format_bytes(*limits.address_space)),
                        "ulimit -v unlimited: the budget limits what is truly held"});
  }
}

void look_at_cgroups(const Machine& machine, Findings& findings) {
  if (machine.memory_controller_off) {
    findings.push_back({Severity::warning, "The kernel's memory controller is turned off (/proc/cgroups).",
                        "boot with cgroup_enable=memory, without cgroup_disable=memory"});
  }
  if (machine.swap_accounting_off) {
    findings.push_back({Severity::warning,
                        "There is swap, but cgroups cannot limit it: a run can hold more there than its budget.",
                        "boot with swapaccount=1, or swapoff -a"});
  }
  for (const CgroupState& cgroup : machine.cgroups) {
    if (!cgroup.high || (cgroup.limit && *cgroup.high >= *cgroup.limit)) continue;
    findings.push_back({Severity::note,
                        fmt::format("Above {} (memory.high of cgroup {} {}) the kernel slows processes down to a "
                                    "crawl before it kills any; fittest takes it for the limit.",
                                    format_bytes(*cgroup.high), cgroup.version, cgroup.name),
                        {}});
  }
}

void look_at_domain(const DomainTrial& domain, Findings& findings) {
  if (!domain.kind) {
    findings.push_back(
        {Severity::blocker, "No way to account for memory works here.", "mount /proc; see the reasons above"});
    return;
  }
  if (domain.enforces) return;
  findings.push_back({Severity::warning,
                      "The kernel cannot hold a run to its budget here: fittest samples memory, and kills what passes "
                      "the budget. A test that allocates fast overshoots between two samples.",
                      "give fittest a cgroup of its own: systemd-run --user --scope -p Delegate=yes fittest ..., or "
                      "run it as root"});
}

void look_at_kills(const Machine& machine, Findings& findings) {
  std::uint64_t in_cgroup = 0;
  std::string where;
  for (const CgroupState& cgroup : machine.cgroups) {  // v2 counts in every ancestor, so the first says it all
    if (in_cgroup == 0 && cgroup.kernel_kills.value_or(0) > 0) {
      in_cgroup = *cgroup.kernel_kills;
      where = fmt::format("cgroup {} {}", cgroup.version, cgroup.name);
    }
  }
  if (in_cgroup > 0) {
    findings.push_back({Severity::warning,
                        fmt::format("The kernel has killed {} {} in {}, for memory: exit code 137.", in_cgroup,
                                    in_cgroup == 1 ? "process" : "processes", where),
                        "if it was a test run, give it to fittest: it stays below the limit"});
  } else if (machine.kills_since_boot.value_or(0) > 0) {
    findings.push_back(
        {Severity::note,
         fmt::format("The kernel has killed {} {} on this machine for memory since it was booted.",
                     *machine.kills_since_boot, *machine.kills_since_boot == 1 ? "process" : "processes"),
         {}});
  }
  const bool machine_was_short =
      machine.kernel_kills && std::any_of(machine.kernel_kills->begin(), machine.kernel_kills->end(),
                                          [](const KernelKill& kill) { return kill.limited_by.empty(); });
  if (machine_was_short) {
    findings.push_back({Severity::warning,
                        "The whole machine has run out of memory, not just a cgroup: then the kernel may kill "
                        "anything, fittest and your shell included.",
                        "leave a larger reserve: --budget 75%"});
  }
  if (!machine.kernel_kills && machine.kills_since_boot.value_or(0) + in_cgroup > 0) {
    findings.push_back({Severity::note, "The kernel's log, which names the victims, may not be read.",
                        machine.kernel_kills.error().remedy});
  }
}

}  // namespace

std::string_view name(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::blocker:
      break;
  }
  return "blocker";
}

std::vector<Finding> find_faults(const Machine& machine, const Result<Budget>& budget, const DomainTrial& domain) {
  Findings findings;
  look_at_budget(machine, budget, findings);
  look_at_free_memory(machine, findings);
  look_at_overcommit(machine, budget, findings);
  look_at_cgroups(machine, findings);
  look_at_domain(domain, findings);
  look_at_kills(machine, findings);
  if (machine.tmp_is_memory) {
    findings.push_back({Severity::note,
                        "/tmp is memory (tmpfs): files that tests write there are held like any other memory.",
                        "set TMPDIR to a directory on a disk"});
  }
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  return findings;
}

}  // namespace fittest::memory
