#include "memory/proc_sample.h"

#include "memory/cpu_clock.h"

namespace fittest::memory {
namespace {

// The worker of the topmost ancestor in the run: of a zygote's fork, the zygote's.
const std::string& topmost_worker(const Member& member, const std::map<pid_t, const Member*>& by_pid) {
  const Member* at = &member;
  for (std::size_t steps = 0; steps < by_pid.size(); ++steps) {  // a table read while it changed may hold a circle
    const auto parent = by_pid.find(at->process.parent);
    if (parent == by_pid.end() || parent->second->process.start_time > at->process.start_time) break;
    at = parent->second;
  }
  return at->worker;
}

}  // namespace

void ProcSampler::walk(const Member& member, Figure& figure) {
  if (const auto held = read_held(member.process.pid)) {
    figure.own = held->own;
    figure.shared = held->shared;
    figure.resident = held->resident;
  } else {
    // Not ours to read, or gone: the nearest there is.
    figure.own = figure.resident = member.process.resident;
    figure.shared = Bytes{};
  }
}

void ProcSampler::look(const std::vector<Member>& members) {
  std::map<pid_t, const Member*> by_pid;
  for (const Member& member : members) by_pid[member.process.pid] = &member;
  std::erase_if(figures_, [&](const auto& entry) {
    const auto now = by_pid.find(entry.first);
    return now == by_pid.end() || now->second->process.start_time != entry.second.start_time;
  });
  if (figures_.empty()) shared_.clear();  // nobody is left to have what was shared

  const auto before = cpu_time();
  const bool all = std::chrono::steady_clock::now() >= next_walk_;
  if (all) shared_.clear();
  of_worker_.clear();
  for (const Member& member : members) {
    const auto [it, is_new] = figures_.try_emplace(member.process.pid);
    Figure& figure = it->second;
    figure.start_time = member.process.start_time;
    of_worker_[member.worker].push_back(member.process.pid);
    if (!all && !is_new) continue;
    walk(member, figure);
    if (all) shared_[topmost_worker(member, by_pid)] += figure.shared;
  }
  // Time of the processor, not of the clock: who is made to wait has not worked.
  if (all) next_walk_ = std::chrono::steady_clock::now() + (cpu_time() - before) * 20;
}

Bytes ProcSampler::held(const std::string& worker) const {
  Bytes sum;
  if (const auto shared = shared_.find(worker); shared != shared_.end()) sum += shared->second;
  const auto pids = of_worker_.find(worker);
  if (pids == of_worker_.end()) return sum;
  for (const pid_t pid : pids->second) {
    const auto resident = read_resident(pid);
    if (!resident || *resident == Bytes{}) continue;  // gone since, or a zombie
    const Figure& figure = figures_.at(pid);
    // Both differences stop at zero, so one of them is.
    sum += figure.own + (*resident - figure.resident) - (figure.resident - *resident);
  }
  return sum;
}

}  // namespace fittest::memory
