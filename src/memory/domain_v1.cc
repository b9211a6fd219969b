// Domains by the memory controller of cgroup v1, frozen by v1's freezer, which is a hierarchy of its own.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "memory/cgroup_files.h"
#include "memory/cgroup_place.h"
#include "memory/cgroup_tree.h"
#include "memory/domain_kinds.h"
#include "memory/domain_name.h"
#include "memory/kept_file.h"
#include "memory/signal_processes.h"
#include "memory/working_set.h"

namespace fittest::memory {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::milliseconds kPatience{5000};

// The files that say what a cgroup holds.
class Gauges {
 public:
  explicit Gauges(const fs::path& cgroup)
      : usage_(cgroup / "memory.usage_in_bytes"),
        peak_(cgroup / "memory.max_usage_in_bytes"),
        stat_(cgroup / "memory.stat"),
        oom_(cgroup / "memory.oom_control") {}

  [[nodiscard]] Usage read() {
    const Bytes charged{usage_.number().value_or(0)};
    return {charged - unmapped_cache(stat_.text().value_or(""), Hierarchy::v1_memory),
            Bytes{peak_.number().value_or(0)}, kills()};
  }
  [[nodiscard]] std::uint64_t kills() { return oom_.key("oom_kill").value_or(0); }

 private:
  KeptFile usage_;
  KeptFile peak_;
  KeptFile stat_;
  KeptFile oom_;
};

class V1Worker;

// The directories of a run; shared with its workers, which may outlive the RunDomain object.
struct Run {
  fs::path memory;
  std::optional<fs::path> freezer;
  [[nodiscard]] fs::path workers_memory() const { return memory / "workers"; }
  std::set<V1Worker*> workers;  // those alive, not owned
  std::uint64_t kills_of_removed_workers = 0;
  pid_t maker = ::getpid();  // a forked child's copy of these objects must not remove anything

  [[nodiscard]] std::vector<fs::path> directories() const {
    std::vector<fs::path> all{memory};
    if (freezer) all.push_back(*freezer);
    return all;
  }
};

class V1Worker : public WorkerDomain {
 public:
  V1Worker(std::shared_ptr<Run> run, const fs::path& above, const std::string& name)
      : run_(std::move(run)), memory_(above / name), gauges_(memory_) {
    if (run_->freezer) freezer_ = *run_->freezer / name;
  }
  V1Worker(const V1Worker&) = delete;
  V1Worker& operator=(const V1Worker&) = delete;
  ~V1Worker() override {
    if (run_->maker != ::getpid()) return;
    run_->workers.erase(this);
    // Most workers are empty by now: then there is nothing to look for, and this is all it takes.
    const bool empty = processes_in(memory_).empty();
    if (!empty) (void)kill_cgroups(directories(), kPatience);
    // The kernel counts a kill in the victim's own cgroup only: keep the count before the directory goes.
    run_->kills_of_removed_workers += gauges_.kills();
    if (empty && ::rmdir(memory_.c_str()) == 0 && (!freezer_ || ::rmdir(freezer_->c_str()) == 0)) return;
    (void)remove_cgroups(directories(), kPatience);
  }

  Result<void> make() {
    if (auto made = make_cgroup(memory_); !made) return made;
    run_->workers.insert(this);
    return freezer_ ? make_cgroup(*freezer_) : Result<void>{};
  }
  [[nodiscard]] std::vector<std::string> join_files() const override {
    std::vector<std::string> files;
    for (const fs::path& directory : directories()) files.push_back((directory / "cgroup.procs").string());
    return files;
  }
  void adopt(pid_t) override {}
  [[nodiscard]] std::uint64_t kills() { return gauges_.kills(); }
  [[nodiscard]] Usage usage() override { return gauges_.read(); }
  [[nodiscard]] std::optional<std::string> resettable_peak_file() const override {
    return (memory_ / "memory.max_usage_in_bytes").string();
  }
  [[nodiscard]] std::vector<pid_t> processes() override { return processes_below(memory_); }
  Result<void> freeze() override { return freezer_ ? freeze_v1(*freezer_) : stop_all(memory_); }
  Result<void> thaw() override {
    if (freezer_) return thaw_v1(*freezer_);
    signal_below(memory_, SIGCONT);
    return {};
  }
  Result<void> kill_all(std::chrono::milliseconds patience) override { return kill_cgroups(directories(), patience); }

 private:
  [[nodiscard]] std::vector<fs::path> directories() const {
    std::vector<fs::path> all{memory_};
    if (freezer_) all.push_back(*freezer_);
    return all;
  }

  std::shared_ptr<Run> run_;
  fs::path memory_;
  std::optional<fs::path> freezer_;
  Gauges gauges_;
};

// The sum of memory and swap must never be below memory's own limit: what goes first depends on the direction. Where
// swap is not accounted for, there is no such file.
Result<void> change_limits(const fs::path& memory, Bytes most) {
  const std::string figure = std::to_string(most.value);
  (void)write_text(memory / "memory.memsw.limit_in_bytes", figure);
  if (auto set = write_text(memory / "memory.limit_in_bytes", figure); !set) return set;
  (void)write_text(memory / "memory.memsw.limit_in_bytes", figure);
  return {};
}

class V1Run : public RunDomain {
 public:
  explicit V1Run(std::shared_ptr<Run> run) : run_(std::move(run)), gauges_(run_->memory) {}
  V1Run(const V1Run&) = delete;
  V1Run& operator=(const V1Run&) = delete;
  ~V1Run() override {
    if (run_->maker == ::getpid()) (void)remove_cgroups(run_->directories(), kPatience);
  }

  void set_shortcomings(std::vector<std::string> lines) { shortcomings_ = std::move(lines); }
  [[nodiscard]] DomainKind kind() const override { return DomainKind::cgroup_v1; }
  [[nodiscard]] std::vector<std::string> shortcomings() const override { return shortcomings_; }
  [[nodiscard]] bool enforces() const override { return true; }
  Result<std::unique_ptr<WorkerDomain>> make_worker(const std::string& name) override {
    if (auto checked = check_worker_name(name); !checked) return tl::unexpected(checked.error());
    return make(run_->workers_memory(), name);
  }
  Result<std::unique_ptr<WorkerDomain>> make_session() override { return make(run_->memory, "session"); }
  Result<void> limit_workers(Bytes most) override { return change_limits(run_->workers_memory(), most); }
  [[nodiscard]] Usage usage() override {
    Usage now = gauges_.read();
    now.oom_kills += run_->kills_of_removed_workers;
    for (V1Worker* worker : run_->workers) now.oom_kills += worker->kills();
    return now;
  }
  Result<void> raise_budget(Bytes budget) override { return change_limits(run_->memory, budget); }
  [[nodiscard]] std::vector<fs::path> cgroup_directories() const override { return run_->directories(); }

 private:
  Result<std::unique_ptr<WorkerDomain>> make(const fs::path& above, const std::string& name) {
    if (is_there(above / name)) return failure("there is a worker of this name already", name);
    auto worker = std::make_unique<V1Worker>(run_, above, name);
    if (auto made = worker->make(); !made) return tl::unexpected(made.error());
    return worker;
  }

  std::shared_ptr<Run> run_;
  Gauges gauges_;
  std::vector<std::string> shortcomings_;
};

// The freezer's directory of the run, tried out; why not otherwise.
Result<fs::path> make_freezer(const std::string& name) {
  const auto place = find_place(Hierarchy::v1_freezer);
  if (!place) return failure("the freezer controller is not mounted");
  const fs::path directory = place->own / name;
  if (auto made = make_cgroup(directory); !made) return tl::unexpected(made.error());
  auto works = freeze_v1(directory);
  if (works) works = thaw_v1(directory);
  if (works) return directory;
  ::rmdir(directory.c_str());
  return tl::unexpected(works.error());
}

Result<void> limit(const fs::path& memory, Bytes budget, std::vector<std::string>& shortcomings) {
  // Kernels before 5.11 leave the children out of a limit unless asked; later ones refuse to be asked.
  if (read_number(memory / "memory.use_hierarchy") == 0) (void)write_text(memory / "memory.use_hierarchy", "1");
  if (read_number(memory / "memory.use_hierarchy") == 0) {
    return failure("memory.use_hierarchy cannot be set: a limit would not hold for workers", memory.string());
  }
  const std::string figure = std::to_string(budget.value);
  if (auto set = write_text(memory / "memory.limit_in_bytes", figure); !set) return set;
  if (const auto stands = read_number(memory / "memory.limit_in_bytes"); !stands || *stands > budget.value) {
    return failure("the kernel does not take the limit", (memory / "memory.limit_in_bytes").string());
  }
  // In this order: the sum of memory and swap must never be below memory's own limit.
  if (!write_text(memory / "memory.memsw.limit_in_bytes", figure) && has_swap()) {
    shortcomings.emplace_back(
        "swap is not limited (swap accounting is off): the run can hold more than the budget there");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<RunDomain>> open_cgroup_v1(const DomainRequest& request) {
  const auto place = find_place(Hierarchy::v1_memory);
  if (!place) return failure("the memory controller of cgroup v1 is not mounted");
  const auto name = own_domain_name(request.run_id);
  if (!name) return tl::unexpected(name.error());

  auto run = std::make_shared<Run>();
  run->memory = place->own / name->text();
  if (auto made = make_cgroup(run->memory); !made) return tl::unexpected(made.error());
  auto domain = std::make_unique<V1Run>(run);  // from here on, a return removes what was made

  std::vector<std::string> shortcomings;
  if (auto limited = limit(run->memory, request.budget, shortcomings); !limited) {
    return tl::unexpected(limited.error());
  }
  if (auto made = make_cgroup(run->workers_memory()); !made) return tl::unexpected(made.error());
  if (auto freezer = make_freezer(name->text())) {
    run->freezer = *freezer;
  } else {
    shortcomings.push_back("no freezer (" + freezer.error().what + "): workers are paused by SIGSTOP, which a parent " +
                           "that waits for its child can see");
  }
  if (!read_key(run->memory / "memory.oom_control", "oom_kill")) {
    shortcomings.emplace_back("the kernel does not count its kills (before Linux 4.13): exit codes alone tell them");
  }
  domain->set_shortcomings(std::move(shortcomings));

  auto trial = domain->make_worker("trial");
  if (!trial) return tl::unexpected(trial.error());
  if (auto joined = try_joining((*trial)->join_files()); !joined) return tl::unexpected(joined.error());
  return domain;
}

}  // namespace fittest::memory
