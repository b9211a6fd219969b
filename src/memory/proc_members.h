#pragma once
// Which processes belong to which worker, where no cgroup says so. Decides on a process table that is handed in.
#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "memory/process_table.h"

namespace fittest::memory {

// A process belongs to the worker named in this variable of its environment: "<run>/<worker>", where <run> is the run's
// domain name, which says who made it.
inline constexpr std::string_view kWorkerVariable = "FITTEST_WORKER";

// The value of `variable` in the text of /proc/<pid>/environ.
std::optional<std::string> parse_environ(std::string_view text, std::string_view variable);

// A process belongs to at most one worker; the first of these that holds decides:
//   it is the root of one; it was seen as a member before; its parent is a member; its session or process group was
//   opened by a member; its environment carries the worker's mark.
// The last three find daemons, which have lost their parent. Pids are given again: whoever is older than its parent, or
// than the leader of its session, is not theirs.
class MemberFinder {
 public:
  using ReadEnvironment = std::function<std::optional<std::string>(pid_t)>;
  // `read` gives the text of /proc/<pid>/environ; asked once for each process that nothing else decides.
  explicit MemberFinder(std::string run, ReadEnvironment read = read_environ);

  void add(const std::string& worker);
  void remove(const std::string& worker);
  // `root` is the worker's first process from now on, whoever it was counted to before.
  void adopt(const std::string& worker, pid_t root, std::uint64_t root_start_time);
  // Decides anew for this table.
  void look(const std::vector<ProcessStat>& table);
  // The living members at the last look, without zombies.
  [[nodiscard]] std::vector<ProcessStat> of(const std::string& worker) const;
  // Process groups in which the last look saw members of this worker and nobody else. A signal to a group misses
  // nobody, however fast they fork.
  [[nodiscard]] std::vector<pid_t> groups_of(const std::string& worker) const;
  // Who belonged to no worker at the last look.
  [[nodiscard]] const std::vector<ProcessStat>& strangers() const { return strangers_; }

  static std::optional<std::string> read_environ(pid_t pid);

 private:
  struct Process {
    pid_t pid;
    std::uint64_t start_time;
    auto operator<=>(const Process&) const = default;
  };
  struct Leader {
    std::uint64_t start_time;
    std::string worker;
  };
  std::optional<std::string> by_environment(const ProcessStat& process);

  std::string run_;
  ReadEnvironment read_;
  std::set<std::string> workers_;
  std::map<Process, std::string> roots_;
  std::map<Process, std::string> known_;                 // members of the last look
  std::map<pid_t, Leader> led_;                          // sessions and groups whose leader was a member
  std::map<Process, std::optional<std::string>> marks_;  // what the environment said of processes alive
  std::map<std::string, std::vector<ProcessStat>> members_;
  std::vector<ProcessStat> strangers_;
};

}  // namespace fittest::memory
