#include "memory/proc_members.h"

#include "memory/cgroup_files.h"

namespace fittest::memory {

std::optional<std::string> parse_environ(std::string_view text, std::string_view variable) {
  for (const std::string_view entry : split(text, '\0')) {
    if (entry.size() > variable.size() && entry.starts_with(variable) && entry[variable.size()] == '=') {
      return std::string(entry.substr(variable.size() + 1));
    }
  }
  return std::nullopt;
}

MemberFinder::MemberFinder(std::string run, ReadEnvironment read) : run_(std::move(run)), read_(std::move(read)) {}

std::optional<std::string> MemberFinder::read_environ(pid_t pid) {
  return read_text("/proc/" + std::to_string(pid) + "/environ");
}

void MemberFinder::add(const std::string& worker) {
  workers_.insert(worker);
}

void MemberFinder::remove(const std::string& worker) {
  const auto is_its = [&](const auto& entry) { return entry.second == worker; };
  std::erase_if(led_, [&](const auto& entry) { return entry.second.worker == worker; });
  workers_.erase(worker);
  members_.erase(worker);
  std::erase_if(roots_, is_its);
  std::erase_if(known_, is_its);
}

void MemberFinder::adopt(const std::string& worker, pid_t root, std::uint64_t root_start_time) {
  roots_[{root, root_start_time}] = worker;
}

std::optional<std::string> MemberFinder::by_environment(const ProcessStat& process) {
  const Process key{process.pid, process.start_time};
  if (const auto it = marks_.find(key); it != marks_.end()) return it->second;
  std::optional<std::string> worker;
  if (const auto text = read_(process.pid)) {
    const auto value = parse_environ(*text, kWorkerVariable);
    if (value && value->starts_with(run_ + "/")) worker = value->substr(run_.size() + 1);
  }
  marks_[key] = worker;
  return worker;
}

void MemberFinder::look(const std::vector<ProcessStat>& table) {
  std::map<pid_t, const ProcessStat*> by_pid;
  std::set<Process> alive;
  std::set<pid_t> sessions_and_groups;
  for (const ProcessStat& process : table) {
    by_pid[process.pid] = &process;
    alive.insert({process.pid, process.start_time});
    sessions_and_groups.insert(process.session);
    sessions_and_groups.insert(process.group);
  }
  const auto gone = [&](const auto& entry) { return !alive.contains(entry.first); };
  std::erase_if(roots_, gone);
  std::erase_if(known_, gone);
  std::erase_if(marks_, gone);
  std::erase_if(led_, [&](const auto& entry) {
    const auto now = by_pid.find(entry.first);
    const bool given_again = now != by_pid.end() && now->second->start_time != entry.second.start_time;
    return given_again || !sessions_and_groups.contains(entry.first);
  });

  // Decides for a process after its parent, so that a chain of any length is walked once.
  std::map<pid_t, std::optional<std::string>> decided;
  const auto decide_one = [&](const ProcessStat& process) -> std::optional<std::string> {
    const Process key{process.pid, process.start_time};
    if (const auto it = roots_.find(key); it != roots_.end()) return it->second;
    if (const auto it = known_.find(key); it != known_.end()) return it->second;
    if (const auto it = decided.find(process.parent); it != decided.end() && it->second) {
      if (by_pid.at(process.parent)->start_time <= process.start_time) return it->second;
    }
    for (const pid_t leader : {process.session, process.group}) {
      const auto it = led_.find(leader);
      if (it != led_.end() && it->second.start_time <= process.start_time) return it->second.worker;
    }
    return by_environment(process);
  };
  for (const ProcessStat& process : table) {
    std::vector<const ProcessStat*> chain;
    for (const ProcessStat* at = &process; at != nullptr && !decided.contains(at->pid);) {
      decided[at->pid] = std::nullopt;  // guards against a circle in a table read while it changed
      chain.push_back(at);
      const auto parent = by_pid.find(at->parent);
      at = parent == by_pid.end() ? nullptr : parent->second;
    }
    for (auto it = chain.rbegin(); it != chain.rend(); ++it) decided[(*it)->pid] = decide_one(**it);
  }

  members_.clear();
  strangers_.clear();
  known_.clear();
  for (const ProcessStat& process : table) {
    const auto& worker = decided[process.pid];
    if (!worker || !workers_.contains(*worker)) {
      strangers_.push_back(process);
      continue;
    }
    known_[{process.pid, process.start_time}] = *worker;
    if (process.session == process.pid || process.group == process.pid)
      led_[process.pid] = {process.start_time, *worker};
    if (!process.is_zombie()) members_[*worker].push_back(process);
  }
}

std::vector<ProcessStat> MemberFinder::of(const std::string& worker) const {
  const auto it = members_.find(worker);
  return it == members_.end() ? std::vector<ProcessStat>{} : it->second;
}

std::vector<pid_t> MemberFinder::groups_of(const std::string& worker) const {
  std::set<pid_t> groups;
  for (const ProcessStat& member : of(worker)) groups.insert(member.group);
  for (const ProcessStat& stranger : strangers_) groups.erase(stranger.group);
  for (const auto& [other, members] : members_) {
    if (other == worker) continue;
    for (const ProcessStat& member : members) groups.erase(member.group);
  }
  return {groups.begin(), groups.end()};
}

}  // namespace fittest::memory
