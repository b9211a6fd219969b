// What runs that were killed -9 have left: found by their names, and removed.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "memory/cgroup_files.h"
#include "memory/cgroup_place.h"
#include "memory/cgroup_tree.h"
#include "memory/domain.h"
#include "memory/domain_name.h"
#include "memory/proc_members.h"
#include "memory/process_table.h"
#include "memory/signal_processes.h"

namespace fittest::memory {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::milliseconds kPatience{5000};

bool is_self_leaf(const fs::path& directory) {
  return directory.filename().string().ends_with("-self");
}

// The leaf a v2 run waited in: who is in there (the guard process, at most) goes back to where the run came from.
// For that the parent has to stop handing out controllers: only then may it hold processes again.
void dissolve_self_leaf(const fs::path& leaf) {
  const fs::path parent = leaf.parent_path();
  if (!processes_in(leaf).empty()) (void)write_text(parent / "cgroup.subtree_control", "-memory");
  for (const pid_t pid : processes_in(leaf)) (void)write_text(parent / "cgroup.procs", std::to_string(pid));
  (void)remove_directory(leaf, std::chrono::milliseconds(500));
}

// Steps out of a cgroup that is about to go, into the one above; on v2, which lets that one hold no processes while it
// hands out controllers, into the run's leaf beside it.
void leave(const std::vector<fs::path>& directories) {
  for (const fs::path& directory : directories) {
    const auto inside = processes_below(directory);
    if (std::find(inside.begin(), inside.end(), ::getpid()) == inside.end()) continue;
    if (write_text(directory.parent_path() / "cgroup.procs", "0")) continue;
    auto leaf = parse_domain_name(directory.filename().string());
    if (!leaf) continue;
    leaf->is_self = true;
    (void)write_text(directory.parent_path() / leaf->text() / "cgroup.procs", "0");
  }
}

// The processes that carry a run's mark, by what it says.
std::map<std::string, std::vector<ProcessStat>> marked_processes() {
  std::map<std::string, std::vector<ProcessStat>> marked;
  for (const ProcessStat& process : read_process_table()) {
    if (process.is_zombie() || process.pid == ::getpid()) continue;
    const auto text = MemberFinder::read_environ(process.pid);
    const auto value = text ? parse_environ(*text, kWorkerVariable) : std::nullopt;
    if (value) marked[value->substr(0, value->find('/'))].push_back(process);
  }
  return marked;
}

std::string swept(bool wholly, const DomainName& run, const std::string& where, std::size_t processes) {
  return std::string(wholly ? "removed" : "could not wholly remove") + " what run " + run.run_id +
         " left behind (its process " + std::to_string(run.owner) + " is gone): " + where + std::to_string(processes) +
         (processes == 1 ? " process" : " processes");
}

}  // namespace

std::size_t kill_marked_processes(const std::string& mark) {
  std::size_t alive = 0;
  poll_until(kPatience, [&] {
    // What stands still does not fork; once nothing new appears, all of it goes.
    std::size_t running = 0;
    std::vector<ProcessStat> processes;
    for (int round = 0; round < 20; ++round) {
      running = 0;
      processes = std::move(marked_processes()[mark]);
      for (const ProcessStat& process : processes) {
        if (process.state == 'T') continue;
        ++running;
        signal_process(process.pid, process.start_time, SIGSTOP);
      }
      if (running == 0) break;
    }
    alive = processes.size();
    for (const ProcessStat& process : processes) signal_process(process.pid, process.start_time, SIGKILL);
    return alive == 0;
  });
  return alive;
}

std::vector<fs::path> remove_domain_directories(const std::vector<fs::path>& directories) {
  std::vector<fs::path> runs;
  std::vector<fs::path> leaves;
  for (const fs::path& directory : directories) (is_self_leaf(directory) ? leaves : runs).push_back(directory);
  leave(runs);
  (void)remove_cgroups(runs, kPatience);
  for (const fs::path& leaf : leaves) dissolve_self_leaf(leaf);

  std::vector<fs::path> left;
  std::error_code ignored;
  for (const fs::path& directory : directories) {
    if (fs::exists(directory, ignored)) left.push_back(directory);
  }
  return left;
}

std::vector<std::string> sweep_stale_domains() {
  std::map<std::string, std::vector<fs::path>> stale;  // by run: a v1 run has a directory in each of two hierarchies
  std::map<std::string, DomainName> names;
  for (const Hierarchy hierarchy : {Hierarchy::v2, Hierarchy::v1_memory, Hierarchy::v1_freezer}) {
    const auto place = find_place(hierarchy);
    if (!place) continue;
    for (const fs::path& parent : place->ancestors()) {
      std::error_code gone;
      for (fs::directory_iterator it(parent, gone), end; !gone && it != end; it.increment(gone)) {
        auto name = parse_domain_name(it->path().filename().string());
        if (!name || !name->owner_is_gone()) continue;
        name->is_self = false;
        stale[name->text()].push_back(it->path());
        names[name->text()] = *name;
      }
    }
  }
  std::vector<std::string> lines;
  for (const auto& [text, directories] : stale) {
    std::set<pid_t> processes;
    for (const fs::path& directory : directories) {
      if (is_self_leaf(directory)) continue;
      for (const pid_t pid : processes_below(directory)) processes.insert(pid);
    }
    const auto left = remove_domain_directories(directories);
    lines.push_back(swept(left.empty(), names[text], "cgroup " + text + " with ", processes.size()));
  }
  for (const auto& [mark, processes] : marked_processes()) {
    const auto name = parse_domain_name(mark);
    if (!name || !name->owner_is_gone()) continue;
    lines.push_back(swept(kill_marked_processes(mark) == 0, *name, "", processes.size()));
  }
  return lines;
}

}  // namespace fittest::memory
