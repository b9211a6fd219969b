// Domains by the memory controller of cgroup v2.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/descriptor.h"
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
      : current_(cgroup / "memory.current"),
        peak_(cgroup / "memory.peak"),
        stat_(cgroup / "memory.stat"),
        events_(cgroup / "memory.events") {}

  [[nodiscard]] Usage read() {
    const Bytes current{current_.number().value_or(0)};
    highest_seen_ = std::max(highest_seen_, current);
    // The kernel's own peak where it has one (Linux 5.19), else the highest figure seen when asked.
    const auto peak = has_peak_ ? peak_.number() : std::nullopt;
    has_peak_ = peak.has_value();
    return {current - unmapped_cache(stat_.text().value_or(""), Hierarchy::v2), peak ? Bytes{*peak} : highest_seen_,
            events_.key("oom_kill").value_or(0)};
  }

 private:
  KeptFile current_;
  KeptFile peak_;
  KeptFile stat_;
  KeptFile events_;
  bool has_peak_ = true;
  Bytes highest_seen_;
};

// Before Linux 6.12 the file has no way to be written, and says so when opened.
bool peak_can_be_reset(const fs::path& cgroup) {
  const Descriptor peak(::open((cgroup / "memory.peak").c_str(), O_RDWR | O_CLOEXEC));
  return peak && ::write(peak.get(), "0\n", 2) == 2;
}

// The leaf in which fittest waits while its old cgroup hands out controllers: v2 lets no cgroup but the root hold
// processes and do that at once. Goes back when destroyed.
class SelfLeaf {
 public:
  static Result<std::unique_ptr<SelfLeaf>> enter(const fs::path& from, const fs::path& leaf) {
    if (auto made = make_cgroup(leaf); !made) return tl::unexpected(made.error());
    auto self = std::make_unique<SelfLeaf>(from, leaf);
    if (auto moved = write_text(leaf / "cgroup.procs", "0"); !moved) return tl::unexpected(moved.error());
    return self;
  }
  SelfLeaf(fs::path from, fs::path leaf) : from_(std::move(from)), leaf_(std::move(leaf)) {}
  SelfLeaf(const SelfLeaf&) = delete;
  SelfLeaf& operator=(const SelfLeaf&) = delete;
  ~SelfLeaf() {
    if (maker_ != ::getpid()) return;
    (void)write_text(from_ / "cgroup.subtree_control", "-memory");
    // All of it: helpers that were started meanwhile stand here too.
    for (const pid_t pid : processes_in(leaf_)) (void)write_text(from_ / "cgroup.procs", std::to_string(pid));
    (void)remove_directory(leaf_, std::chrono::milliseconds(500));
  }
  [[nodiscard]] const fs::path& directory() const { return leaf_; }

 private:
  fs::path from_;
  fs::path leaf_;
  pid_t maker_ = ::getpid();
};

// What a run has on disk; shared with its workers, which may outlive the RunDomain object. Removed with the last of
// them, so that the leaf is left only when nothing needs the controllers any more.
struct Run {
  fs::path directory;
  [[nodiscard]] fs::path workers() const { return directory / "workers"; }
  std::unique_ptr<SelfLeaf> self;
  bool resets_peak = false;
  pid_t maker = ::getpid();  // a forked child's copy of these objects must not remove anything
};

class V2Worker : public WorkerDomain {
 public:
  V2Worker(std::shared_ptr<Run> run, const fs::path& above, const std::string& name)
      : run_(std::move(run)), directory_(above / name), gauges_(directory_) {}
  V2Worker(const V2Worker&) = delete;
  V2Worker& operator=(const V2Worker&) = delete;
  ~V2Worker() override {
    if (run_->maker != ::getpid()) return;
    // Most workers are empty by now: then this is all it takes.
    if (::rmdir(directory_.c_str()) != 0) (void)remove_cgroups({directory_}, kPatience);
  }

  Result<void> make() {
    if (auto made = make_cgroup(directory_); !made) return made;
    // A worker that lost one of its processes to the kernel is no use to anyone: it goes as a whole (Linux 4.19).
    (void)write_text(directory_ / "memory.oom.group", "1");
    return {};
  }
  [[nodiscard]] std::vector<std::string> join_files() const override {
    return {(directory_ / "cgroup.procs").string()};
  }
  void adopt(pid_t) override {}
  [[nodiscard]] Usage usage() override { return gauges_.read(); }
  [[nodiscard]] std::optional<std::string> resettable_peak_file() const override {
    if (!run_->resets_peak) return std::nullopt;
    return (directory_ / "memory.peak").string();
  }
  [[nodiscard]] std::vector<pid_t> processes() override { return processes_below(directory_); }
  Result<void> freeze() override {
    return is_there(directory_ / "cgroup.freeze") ? freeze_v2(directory_) : stop_all(directory_);
  }
  Result<void> thaw() override {
    if (is_there(directory_ / "cgroup.freeze")) return thaw_v2(directory_);
    signal_below(directory_, SIGCONT);
    return {};
  }
  Result<void> kill_all(std::chrono::milliseconds patience) override { return kill_cgroups({directory_}, patience); }

 private:
  std::shared_ptr<Run> run_;
  fs::path directory_;
  Gauges gauges_;
};

class V2Run : public RunDomain {
 public:
  explicit V2Run(std::shared_ptr<Run> run) : run_(std::move(run)), gauges_(run_->directory) {}
  V2Run(const V2Run&) = delete;
  V2Run& operator=(const V2Run&) = delete;
  ~V2Run() override {
    if (run_->maker == ::getpid()) (void)remove_cgroups({run_->directory}, kPatience);
  }

  void set_shortcomings(std::vector<std::string> lines) { shortcomings_ = std::move(lines); }
  [[nodiscard]] DomainKind kind() const override { return DomainKind::cgroup_v2; }
  [[nodiscard]] std::vector<std::string> shortcomings() const override { return shortcomings_; }
  [[nodiscard]] bool enforces() const override { return true; }
  Result<std::unique_ptr<WorkerDomain>> make_worker(const std::string& name) override {
    if (auto checked = check_worker_name(name); !checked) return tl::unexpected(checked.error());
    return make(run_->workers(), name);
  }
  Result<std::unique_ptr<WorkerDomain>> make_session() override { return make(run_->directory, "session"); }
  Result<void> limit_workers(Bytes most) override {
    return write_text(run_->workers() / "memory.max", std::to_string(most.value));
  }
  [[nodiscard]] Usage usage() override { return gauges_.read(); }
  Result<void> raise_budget(Bytes budget) override {
    return write_text(run_->directory / "memory.max", std::to_string(budget.value));
  }
  [[nodiscard]] std::vector<fs::path> cgroup_directories() const override {
    std::vector<fs::path> all{run_->directory};
    if (run_->self) all.push_back(run_->self->directory());
    return all;
  }

 private:
  Result<std::unique_ptr<WorkerDomain>> make(const fs::path& above, const std::string& name) {
    if (is_there(above / name)) return failure("there is a worker of this name already", name);
    auto worker = std::make_unique<V2Worker>(run_, above, name);
    if (auto made = worker->make(); !made) return tl::unexpected(made.error());
    return worker;
  }

  std::shared_ptr<Run> run_;
  Gauges gauges_;
  std::vector<std::string> shortcomings_;
};

bool is_limited(const fs::path& cgroup) {
  return read_number(cgroup / "memory.max").has_value() || read_number(cgroup / "memory.high").has_value();
}

// Lets cgroups below `base` have the memory controller, moving fittest out of the way where only it stands there.
Result<std::unique_ptr<SelfLeaf>> hand_out_memory(const fs::path& base, DomainName name) {
  if (has_word(base / "cgroup.subtree_control", "memory")) return nullptr;
  if (!has_word(base / "cgroup.controllers", "memory")) {
    return failure("the memory controller is not available here", base.string(),
                   "let systemd delegate it: systemd-run --user --scope -p Delegate=yes fittest ...");
  }
  auto enabled = write_text(base / "cgroup.subtree_control", "+memory");
  if (enabled) return nullptr;
  const auto inhabitants = processes_in(base);
  if (inhabitants != std::vector<pid_t>{::getpid()}) {
    return failure("cannot hand out the memory controller: " + enabled.error().what + "; " +
                       std::to_string(inhabitants.size()) + " processes stand in this cgroup",
                   base.string(),
                   "give fittest a cgroup of its own: systemd-run --user --scope -p Delegate=yes fittest ...");
  }
  name.is_self = true;
  auto self = SelfLeaf::enter(base, base / name.text());
  if (!self) return tl::unexpected(self.error());
  enabled = write_text(base / "cgroup.subtree_control", "+memory");
  if (!enabled) return tl::unexpected(enabled.error());
  return self;
}

Result<void> limit(const fs::path& directory, Bytes budget, std::vector<std::string>& shortcomings) {
  const std::string figure = std::to_string(budget.value);
  if (auto set = write_text(directory / "memory.max", figure); !set) return set;
  if (is_there(directory / "memory.swap.max")) {
    if (auto set = write_text(directory / "memory.swap.max", "0"); !set) return set;
  } else if (has_swap()) {
    shortcomings.emplace_back(
        "swap is not limited (swap accounting is off): the run can hold more than the budget there");
  }
  return write_text(directory / "cgroup.subtree_control", "+memory");
}

Result<std::unique_ptr<RunDomain>> open_below(const fs::path& base, const DomainRequest& request,
                                              const DomainName& name) {
  auto run = std::make_shared<Run>();
  auto self = hand_out_memory(base, name);
  if (!self) return tl::unexpected(self.error());
  run->self = std::move(*self);
  run->directory = base / name.text();
  if (auto made = make_cgroup(run->directory); !made) return tl::unexpected(made.error());
  auto domain = std::make_unique<V2Run>(run);  // from here on, a return removes what was made

  std::vector<std::string> shortcomings;
  if (auto limited = limit(run->directory, request.budget, shortcomings); !limited) {
    return tl::unexpected(limited.error());
  }
  if (auto made = make_cgroup(run->workers()); !made) return tl::unexpected(made.error());
  if (auto handed = write_text(run->workers() / "cgroup.subtree_control", "+memory"); !handed) {
    return tl::unexpected(handed.error());
  }
  auto trial = domain->make_worker("trial");
  if (!trial) return tl::unexpected(trial.error());
  if (auto joined = try_joining((*trial)->join_files()); !joined) return tl::unexpected(joined.error());
  const fs::path worker = run->workers() / "trial";
  run->resets_peak = peak_can_be_reset(worker);
  if (!run->resets_peak) {
    shortcomings.emplace_back(
        "a worker's peak cannot be started anew (before Linux 6.12): what a test with processes of its own took is "
        "known from its first process and from samples");
  }
  if (!is_there(worker / "cgroup.freeze")) {
    shortcomings.emplace_back(
        "no freezer (before Linux 5.2): workers are paused by SIGSTOP, which a parent that waits "
        "for its child can see");
  }
  domain->set_shortcomings(std::move(shortcomings));
  return domain;
}

}  // namespace

Result<std::unique_ptr<RunDomain>> open_cgroup_v2(const DomainRequest& request) {
  const auto place = find_place(Hierarchy::v2);
  if (!place) return failure("cgroup v2 is not mounted");
  const auto name = own_domain_name(request.run_id);
  if (!name) return tl::unexpected(name.error());

  // A leaf that a run of this process made stands for the cgroup it came from.
  fs::path own = place->own;
  if (const auto leaf = parse_domain_name(own.filename().string()); leaf && leaf->is_self) own = own.parent_path();
  auto opened = open_below(own, request, *name);
  if (opened) return opened;

  // Next best is a cgroup above that hands out memory already, as systemd's slices do for a user's scopes. Not past one
  // with a limit, though: there the run would slip out of it.
  fs::path below = own;
  for (const fs::path& above : place->ancestors()) {
    if (above == place->own || above == own) continue;
    if (is_limited(below)) break;
    below = above;
    if (!has_word(above / "cgroup.subtree_control", "memory")) continue;
    if (auto next = open_below(above, request, *name)) return next;
  }
  return opened;
}

}  // namespace fittest::memory
