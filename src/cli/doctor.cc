#include "cli/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "memory/cgroup_files.h"

namespace fittest::cli {
namespace {

using memory::CgroupState;
using memory::Finding;
using memory::HungryProcess;
using memory::KernelKill;
using memory::Machine;
using memory::Severity;

constexpr std::size_t kColumns = 80;
constexpr std::size_t kLabel = 16;  // where values start, two spaces of indent included
constexpr std::size_t kShownKills = 5;

struct Report {
  Machine machine;
  Result<memory::Budget> budget;
  memory::DomainTrial domain;
  std::vector<Finding> findings;
};

// Breaks at spaces, so that with `lead` in front of the first line, and spaces in front of the others, all fit. A word
// that is longer than a line stays whole: it may be a path to copy.
void write_wrapped(std::ostream& out, const std::string& lead, std::string_view text) {
  std::string line = lead;
  const std::string indent(lead.size(), ' ');
  bool fresh = true;
  for (const std::string_view word : memory::split(text, ' ')) {
    if (!fresh && line.size() + 1 + word.size() > kColumns) {
      out << line << '\n';
      line = indent;
      fresh = true;
    }
    if (!fresh) line += ' ';
    line += word;
    fresh = false;
  }
  out << line << '\n';
}

void write_value(std::ostream& out, std::string_view label, std::string_view value) {
  write_wrapped(out, fmt::format("  {:<{}}", label, kLabel - 2), value);
}

std::string kills_text(std::uint64_t kills) {
  return kills == 1 ? "1 kernel kill" : std::to_string(kills) + " kernel kills";
}

std::string age(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s ago", std::max(seconds, 0.0));
  if (seconds < 5400) return fmt::format("{:.0f} min ago", seconds / 60);
  if (seconds < 129600) return fmt::format("{:.0f} h ago", seconds / 3600);
  return fmt::format("{:.0f} days ago", seconds / 86400);
}

void write_memory(std::ostream& out, const Machine& machine) {
  const memory::MemoryLimits& limits = machine.limits;
  out << "Memory here\n";
  write_value(out, "machine", format_bytes(limits.mem_total));
  write_value(out, "available", format_bytes(limits.mem_available));
  write_value(out, "swap",
              limits.swap_total == Bytes{}
                  ? "none"
                  : fmt::format("{}, {} free", format_bytes(limits.swap_total), format_bytes(limits.swap_free)));
  constexpr std::array<std::string_view, 3> kOvercommit = {"refuses only what is absurd", "refuses nothing",
                                                           "refuses what it could not keep"};
  write_value(out, "overcommit",
              fmt::format("{} (the kernel {})", limits.overcommit_memory,
                          kOvercommit.at(static_cast<std::size_t>(limits.overcommit_memory))));
  write_value(out, "address space", limits.address_space ? format_bytes(*limits.address_space) : "no limit");
  write_value(out, "container", machine.container.value_or("none seen"));
  for (const CgroupState& cgroup : machine.cgroups) {
    write_wrapped(out, "  ", fmt::format("cgroup {} {}", cgroup.version, cgroup.name));
    std::string line = cgroup.limit ? "limit " + format_bytes(*cgroup.limit) : "no limit";
    if (cgroup.high) line += ", slowed down above " + format_bytes(*cgroup.high);
    if (cgroup.held) line += ", " + format_bytes(*cgroup.held) + " held";
    if (cgroup.kernel_kills) line += ", " + kills_text(*cgroup.kernel_kills);
    write_value(out, "", line);
  }
  if (machine.cgroups.empty()) write_value(out, "cgroups", "none with a memory controller");
}

void write_choice(std::ostream& out, const Report& report) {
  out << "\nfittest will use\n";
  if (report.budget) {
    write_value(out, "budget",
                fmt::format("{} ({})", format_bytes(report.budget->bytes), memory::describe_source(*report.budget)));
  } else {
    write_value(out, "budget", "none: see the findings");
  }
  if (report.domain.kind) {
    write_value(out, "domain",
                fmt::format("{}: {}", memory::name(*report.domain.kind),
                            report.domain.enforces ? "the kernel holds the run to its budget"
                                                   : "memory is sampled, the kernel does not hold the run to it"));
  } else {
    write_value(out, "domain", "none");
  }
  for (const std::string& reason : report.domain.reasons) write_value(out, "not", reason);
  for (const std::string& line : report.domain.shortcomings) write_value(out, "it cannot", line);
}

void write_kills(std::ostream& out, const Machine& machine) {
  out << "\nKernel kills for memory\n";
  write_value(out, "since boot",
              machine.kills_since_boot ? std::to_string(*machine.kills_since_boot) : "not counted by this kernel");
  if (!machine.kernel_kills) {
    const Error& error = machine.kernel_kills.error();
    write_value(out, "log", error.where.empty() ? error.what : error.where + ": " + error.what);
    return;
  }
  const auto& kills = *machine.kernel_kills;
  write_value(out, "in the log", std::to_string(kills.size()));
  for (std::size_t i = kills.size() - std::min(kills.size(), kShownKills); i < kills.size(); ++i) {
    const KernelKill& kill = kills[i];
    write_value(out, age(machine.uptime - kill.seconds),
                fmt::format("{} (pid {}), {}, {}", kill.program, kill.pid, format_bytes(kill.resident),
                            kill.limited_by.empty() ? "as the machine was out of memory"
                                                    : "by the limit of cgroup " + kill.limited_by));
  }
}

void write_findings(std::ostream& out, const std::vector<Finding>& findings) {
  out << "Findings\n";
  if (findings.empty()) out << "  none: nothing here stands in the way\n";
  for (const Finding& finding : findings) {
    write_wrapped(out, fmt::format("  {:<9}", memory::name(finding.severity)), finding.what);
    if (!finding.remedy.empty()) write_wrapped(out, std::string(11, ' ') + "-> ", finding.remedy);
  }
}

void write_text_report(std::ostream& out, const Report& report) {
  write_memory(out, report.machine);
  write_choice(out, report);
  write_kills(out, report.machine);
  out << '\n';
  write_findings(out, report.findings);
}

template <typename T, typename F>
nlohmann::ordered_json list(const std::vector<T>& all, F&& one) {
  auto array = nlohmann::ordered_json::array();
  for (const T& item : all) array.push_back(one(item));
  return array;
}

nlohmann::ordered_json bytes_or_null(const std::optional<Bytes>& bytes) {
  return bytes ? nlohmann::ordered_json(bytes->value) : nlohmann::ordered_json();
}

template <typename T>
nlohmann::ordered_json or_null(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

void write_json_report(std::ostream& out, const Report& report) {
  using Json = nlohmann::ordered_json;
  const Machine& machine = report.machine;
  const memory::MemoryLimits& limits = machine.limits;
  Json json;
  json["version"] = 1;
  json["memory"] = {{"machine", limits.mem_total.value},
                    {"available", limits.mem_available.value},
                    {"swap", limits.swap_total.value},
                    {"swap_free", limits.swap_free.value},
                    {"overcommit", limits.overcommit_memory},
                    {"commit_left", bytes_or_null(limits.commit_left)},
                    {"address_space", bytes_or_null(limits.address_space)},
                    {"container", or_null(machine.container)},
                    {"tmp_is_memory", machine.tmp_is_memory}};
  json["cgroups"] = list(machine.cgroups, [](const CgroupState& cgroup) {
    return Json{{"version", cgroup.version},
                {"name", cgroup.name},
                {"limit", bytes_or_null(cgroup.limit)},
                {"high", bytes_or_null(cgroup.high)},
                {"held", bytes_or_null(cgroup.held)},
                {"kernel_kills", or_null(cgroup.kernel_kills)}};
  });
  if (report.budget) {
    json["budget"] = {{"bytes", report.budget->bytes.value},
                      {"reserve", report.budget->reserve.value},
                      {"source", report.budget->source}};
  } else {
    json["budget"] = nullptr;
  }
  json["domain"] = {{"kind", report.domain.kind ? Json(memory::name(*report.domain.kind)) : Json()},
                    {"enforces", report.domain.enforces},
                    {"reasons", report.domain.reasons},
                    {"shortcomings", report.domain.shortcomings}};
  json["kernel_kills"] = {{"since_boot", or_null(machine.kills_since_boot)},
                          {"log_error", machine.kernel_kills ? Json() : Json(machine.kernel_kills.error().text())},
                          {"log", Json::array()}};
  if (machine.kernel_kills) {
    json["kernel_kills"]["log"] = list(*machine.kernel_kills, [&](const KernelKill& kill) {
      return Json{{"seconds_ago", std::max(machine.uptime - kill.seconds, 0.0)},
                  {"pid", kill.pid},
                  {"program", kill.program},
                  {"resident", kill.resident.value},
                  {"limited_by", kill.limited_by.empty() ? Json() : Json(kill.limited_by)}};
    });
  }
  json["hungriest_processes"] = list(machine.hungriest, [](const HungryProcess& process) {
    return Json{{"pid", process.pid}, {"name", process.name}, {"resident", process.resident.value}};
  });
  json["findings"] = list(report.findings, [](const Finding& finding) {
    return Json{{"severity", memory::name(finding.severity)}, {"what", finding.what}, {"remedy", finding.remedy}};
  });
  // Names of programs and cgroups are bytes of any kind.
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

int write_unreadable(std::ostream& out, const DoctorOptions& options, const Error& error) {
  std::vector<Finding> findings = options.more_findings;
  findings.insert(findings.begin(), {Severity::blocker, error.where + ": " + error.what, error.remedy});
  if (options.format == DoctorFormat::text) {
    write_findings(out, findings);
  } else {
    nlohmann::ordered_json json{{"version", 1}};
    json["findings"] = list(findings, [](const Finding& finding) {
      return nlohmann::ordered_json{
          {"severity", memory::name(finding.severity)}, {"what", finding.what}, {"remedy", finding.remedy}};
    });
    out << json.dump(2) << '\n';
  }
  return 1;
}

}  // namespace

int run_doctor(std::ostream& out, const DoctorOptions& options) {
  auto machine = memory::read_machine(options.root);
  if (!machine) return write_unreadable(out, options, machine.error());

  auto budget = memory::choose_budget(machine->limits, options.budget);
  // A machine without room still has a kind of domain, which is worth knowing.
  auto domain = options.try_domain(budget ? budget->bytes : MiB(64));
  auto findings = memory::find_faults(*machine, budget, domain);
  findings.insert(findings.end(), options.more_findings.begin(), options.more_findings.end());
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  const Report report{std::move(*machine), std::move(budget), std::move(domain), std::move(findings)};
  options.format == DoctorFormat::text ? write_text_report(out, report) : write_json_report(out, report);
  return !report.findings.empty() && report.findings.front().severity == Severity::blocker ? 1 : 0;
}

}  // namespace fittest::cli
