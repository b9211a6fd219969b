#pragma once
// A domain accounts for, and where possible limits, the memory of a set of processes.
// Kinds: cgroup v2, cgroup v1, /proc sampling. The three answer the same interface.
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"

namespace fittest::memory {

enum class DomainKind { cgroup_v2, cgroup_v1, proc };
std::string_view name(DomainKind kind);  // "cgroup v2", "cgroup v1", "/proc sampling"

// What a domain holds at one moment.
struct Usage {
  Bytes held;                   // working set: page cache that no process has mapped is not counted
  Bytes peak;                   // highest charge the kernel has seen (page cache included); for /proc: highest sample
  std::uint64_t oom_kills = 0;  // kernel kills inside this domain so far; v2 counts the first victim of a worker twice
};

// The memory of one worker (and all that it starts). Destroying it removes it: what still lives in it is killed first.
class WorkerDomain {
 public:
  virtual ~WorkerDomain() = default;
  // Files into which a new process writes "0\n" (itself), before it does anything else, to belong here.
  // Empty for /proc, where belonging is descent from the root process given to `adopt`.
  [[nodiscard]] virtual std::vector<std::string> join_files() const = 0;
  // "NAME=value" lines a new process must have in its environment: by them /proc sampling finds processes again that
  // have left the tree (daemons). Empty for cgroups, which nothing leaves.
  [[nodiscard]] virtual std::vector<std::string> environment() const { return {}; }
  // Tells who the domain's root process is. Harmless to call for cgroups, where membership is the kernel's.
  virtual void adopt(pid_t root) = 0;
  [[nodiscard]] virtual Usage usage() = 0;
  // A file whose integer content is this domain's peak in bytes and which starts anew when anything ("0\n") is
  // written to it; nothing where the kind or the kernel has none (v2 before 6.12, /proc). Keep one descriptor open
  // for writing and reading: v2 starts anew only for the descriptor that wrote.
  [[nodiscard]] virtual std::optional<std::string> resettable_peak_file() const = 0;
  // All processes in it now.
  [[nodiscard]] virtual std::vector<pid_t> processes() = 0;
  virtual Result<void> freeze() = 0;
  virtual Result<void> thaw() = 0;
  // SIGKILL to every process, frozen ones included, again until none is left or `patience` is over.
  virtual Result<void> kill_all(std::chrono::milliseconds patience = std::chrono::seconds(5)) = 0;
};

// The memory of a whole run: the hard limit is the budget, workers are below it, fittest itself is outside.
class RunDomain {
 public:
  virtual ~RunDomain() = default;
  [[nodiscard]] virtual DomainKind kind() const = 0;
  // One line for the user each: what this kind cannot do here ("limits are sampled: a test can overshoot ...").
  [[nodiscard]] virtual std::vector<std::string> shortcomings() const = 0;
  // True where the kernel itself refuses to let the run pass the budget.
  [[nodiscard]] virtual bool enforces() const = 0;
  virtual Result<std::unique_ptr<WorkerDomain>> make_worker(const std::string& name) = 0;
  // The same for the process that the run cannot do without: inside the budget, outside the limit of the workers.
  virtual Result<std::unique_ptr<WorkerDomain>> make_session() = 0;
  // A limit for the workers together, below the budget by what the session needs. While a killed worker gives its
  // memory back, the kernel kills whoever else asks for some below the same limit: that must not be the session.
  virtual Result<void> limit_workers(Bytes most) = 0;
  [[nodiscard]] virtual Usage usage() = 0;
  // Raises the hard limit of the run, which never shrinks.
  virtual Result<void> raise_budget(Bytes budget) = 0;
  // The directories made for this run, for `remove_domain_directories` in a process that outlives this one. Empty for
  // /proc sampling.
  [[nodiscard]] virtual std::vector<std::filesystem::path> cgroup_directories() const { return {}; }
  // What the environment of this run's processes says, for `kill_marked_processes` in a process that outlives this one.
  // Nothing for cgroups, which need no marks.
  [[nodiscard]] virtual std::optional<std::string> process_mark() const { return std::nullopt; }
};

struct DomainRequest {
  std::string run_id;                   // [A-Za-z0-9-]+; part of the cgroup's name, which starts with "fittest-"
  Bytes budget;                         // hard limit of the run
  std::optional<DomainKind> only_kind;  // forced by the user (--domain) or a test
};

struct OpenedDomain {
  std::unique_ptr<RunDomain> domain;
  std::vector<std::string> reasons;  // why each better kind was not taken, in the order tried
};

// The best kind that works here (v2, v1, /proc), found by trying it, never by guessing from a version.
// Fails only if `only_kind` cannot be had.
Result<OpenedDomain> open_domain(const DomainRequest& request);

// Removes what runs have left whose fittest process is gone (killed -9): cgroups named "fittest-<run id>..." with all
// that lives in them, and processes with a mark of such a run. Returns a line for each one swept.
std::vector<std::string> sweep_stale_domains();

// Kills whatever lives in these cgroups and removes them; to be called when the run's process is gone. The calling
// process is never killed: where it sits in one of them itself, it is moved to the parent. Returns what is left.
std::vector<std::filesystem::path> remove_domain_directories(const std::vector<std::filesystem::path>& directories);

// Kills every process that carries this mark, those it forks meanwhile too. Returns how many are left.
std::size_t kill_marked_processes(const std::string& mark);

}  // namespace fittest::memory
