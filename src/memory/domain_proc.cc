// Domains without the kernel's help: who belongs is found in the process table, what they hold is sampled.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "memory/cgroup_files.h"
#include "memory/cpu_clock.h"
#include "memory/domain_kinds.h"
#include "memory/domain_name.h"
#include "memory/proc_members.h"
#include "memory/proc_sample.h"
#include "memory/process_table.h"
#include "memory/signal_processes.h"

namespace fittest::memory {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class ProcWorker;

// What the workers of a run share: one look at the process table serves all of them.
struct Run {
  explicit Run(const std::string& domain_name) : mark(domain_name), members(domain_name) {}

  std::string mark;
  MemberFinder members;
  std::map<std::string, ProcWorker*> workers;  // those alive, not owned
  pid_t maker = ::getpid();

  // What a worker holds now, with a membership that may be a little old.
  Bytes held(const std::string& worker) {
    if (steady_clock::now() >= next_look) look();
    if (is_looked_at_anew) {
      std::vector<Member> all;
      for (const auto& [name, _] : workers) {
        for (const ProcessStat& process : members.of(name)) all.push_back({process, name});
      }
      sampler.look(all);
      is_looked_at_anew = false;
    }
    return sampler.held(worker);
  }
  // A look for `held` is 2 ms old at most, or four times what it costs: on a machine with thousands of processes this
  // bounds the share of a core that looking takes.
  void look() {
    const auto before = cpu_time();
    members.look(table.read());
    table.pass_over(members.strangers());
    is_looked_at_anew = true;
    next_look = steady_clock::now() + std::max<steady_clock::duration>(milliseconds(2), (cpu_time() - before) * 4);
  }

  ProcSampler sampler;
  ProcessWatch table;
  steady_clock::time_point next_look{};
  bool is_looked_at_anew = false;
};

class ProcWorker : public WorkerDomain {
 public:
  ProcWorker(std::shared_ptr<Run> run, std::string worker_name) : run_(std::move(run)), name_(std::move(worker_name)) {
    run_->members.add(name_);
    run_->workers[name_] = this;
  }
  ProcWorker(const ProcWorker&) = delete;
  ProcWorker& operator=(const ProcWorker&) = delete;
  ~ProcWorker() override {
    if (run_->maker == ::getpid()) (void)kill_members(std::chrono::seconds(5));
    run_->workers.erase(name_);
    run_->members.remove(name_);
  }

  [[nodiscard]] std::vector<std::string> join_files() const override { return {}; }
  [[nodiscard]] std::vector<std::string> environment() const override {
    return {std::string(kWorkerVariable) + "=" + run_->mark + "/" + name_};
  }
  void adopt(pid_t root) override {
    if (const auto stat = read_stat(root)) run_->members.adopt(name_, root, stat->start_time);
    // Who was a stranger may be its child, and so a member.
    run_->table.look_at_all();
    run_->next_look = {};
  }
  [[nodiscard]] Usage usage() override {
    const Bytes held = run_->held(name_);
    peak_ = std::max(peak_, held);
    return {held, peak_, 0};
  }
  [[nodiscard]] std::optional<std::string> resettable_peak_file() const override { return std::nullopt; }
  [[nodiscard]] std::vector<pid_t> processes() override {
    run_->look();
    std::vector<pid_t> pids;
    for (const ProcessStat& member : run_->members.of(name_)) pids.push_back(member.pid);
    return pids;
  }
  Result<void> freeze() override {
    // A stopped process cannot fork: when a look shows none but stopped ones, that is all of them.
    const bool still = poll_until(std::chrono::seconds(2), [&] { return stop_members() == 0; });
    if (still) return {};
    return failure("processes did not stop within 2 s", "worker " + name_);
  }
  Result<void> thaw() override {
    send(SIGCONT);
    return {};
  }
  Result<void> kill_all(milliseconds patience) override { return kill_members(patience); }

 private:
  // Returns how many were found running.
  std::size_t stop_members() {
    run_->look();
    std::size_t running = 0;
    signal_groups(SIGSTOP);
    for (const ProcessStat& member : run_->members.of(name_)) {
      if (member.state == 'T' || member.state == 't') continue;
      ++running;
      signal_process(member.pid, member.start_time, SIGSTOP);
    }
    return running;
  }
  // First by group, which also reaches those that came after the look.
  void signal_groups(int signal) {
    for (const pid_t group : run_->members.groups_of(name_)) {
      if (group > 1 && group != ::getpgrp()) ::kill(-group, signal);
    }
  }
  std::size_t send(int signal) {
    run_->look();
    const auto members = run_->members.of(name_);
    signal_groups(signal);
    for (const ProcessStat& member : members) signal_process(member.pid, member.start_time, signal);
    return members.size();
  }
  Result<void> kill_members(milliseconds patience) {
    std::size_t alive = 0;
    const bool empty = poll_until(patience, [&] {
      // Stop all first: the children of a killed process lose the parent by which they are found, and what forks
      // faster than it is killed never ends.
      for (int round = 0; round < 20 && stop_members() > 0; ++round) continue;
      alive = send(SIGKILL);
      return alive == 0;
    });
    if (empty) return {};
    return failure(
        std::to_string(alive) + " processes could not be killed within " + std::to_string(patience.count()) + " ms",
        "worker " + name_, "see with ps what they wait for (state D: a device or file system)");
  }

  std::shared_ptr<Run> run_;
  std::string name_;
  Bytes peak_;
};

class ProcRun : public RunDomain {
 public:
  explicit ProcRun(const DomainName& name) : run_(std::make_shared<Run>(name.text())) {}
  ProcRun(const ProcRun&) = delete;
  ProcRun& operator=(const ProcRun&) = delete;
  ~ProcRun() override {
    if (run_->maker != ::getpid()) return;
    for (const auto& [worker_name, worker] : run_->workers) (void)worker->kill_all(std::chrono::seconds(5));
  }

  [[nodiscard]] DomainKind kind() const override { return DomainKind::proc; }
  [[nodiscard]] std::vector<std::string> shortcomings() const override {
    return {
        "the budget is not enforced by the kernel: memory is sampled, and a test that allocates fast passes it "
        "before the next sample",
        "a peak between two samples is not seen", "kernel kills are not counted: they are known by exit code only",
        "a process that leaves its session and clears its environment is no longer counted"};
  }
  [[nodiscard]] bool enforces() const override { return false; }
  Result<std::unique_ptr<WorkerDomain>> make_worker(const std::string& worker_name) override {
    if (auto checked = check_worker_name(worker_name); !checked) return tl::unexpected(checked.error());
    if (run_->workers.contains(worker_name)) return failure("there is a worker of this name already", worker_name);
    return std::make_unique<ProcWorker>(run_, worker_name);
  }
  Result<std::unique_ptr<WorkerDomain>> make_session() override { return make_worker("session"); }
  Result<void> limit_workers(Bytes) override { return {}; }
  [[nodiscard]] Usage usage() override {
    Usage sum;
    for (const auto& [worker_name, worker] : run_->workers) sum.held += worker->usage().held;
    peak_ = std::max(peak_, sum.held);
    sum.peak = peak_;
    return sum;
  }
  Result<void> raise_budget(Bytes) override { return {}; }  // nothing is limited
  [[nodiscard]] std::optional<std::string> process_mark() const override { return run_->mark; }

 private:
  std::shared_ptr<Run> run_;
  Bytes peak_;
};

}  // namespace

Result<std::unique_ptr<RunDomain>> open_proc(const DomainRequest& request) {
  const auto name = own_domain_name(request.run_id);  // fails where /proc is not mounted
  if (!name) return tl::unexpected(name.error());
  return std::make_unique<ProcRun>(*name);
}

}  // namespace fittest::memory
