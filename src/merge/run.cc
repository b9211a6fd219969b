#include "merge/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace fittest::merge {
namespace {

// "20260102-030405-77", the form of run::new_run_id; 0 for anything else.
Seconds started_by_id(const std::string& id) {
  std::tm parts{};
  const char* end = ::strptime(id.c_str(), "%Y%m%d-%H%M%S", &parts);
  if (end == nullptr || *end != '-') return 0;
  return static_cast<Seconds>(std::max<std::time_t>(::timegm(&parts), 0));
}

}  // namespace

std::string Run::id() const {
  if (journal.started && !journal.started->run_id.empty()) return journal.started->run_id;
  return folder.filename().string();
}

std::string Run::suite() const {
  if (selection) return selection->suite;
  return journal.started && !journal.started->suite.empty() ? journal.started->suite : "pytest";
}

std::string Run::variant() const {
  return selection ? selection->variant : std::string();
}

Seconds Run::started() const {
  if (journal.started && journal.started->started_at > 0) return journal.started->started_at;
  return started_by_id(id());
}

Seconds Run::lasted() const {
  return std::max(journal.until, journal.ended ? journal.ended->wall : 0);
}

std::string Run::name() const {
  std::string name;
  const auto add = [&](const std::string& part) { name += (name.empty() || part.empty() ? "" : ", ") + part; };
  if (selection) {
    add(selection->variant);
    add(selection->chunk);
    if (selection->split) add(fmt::format("group {}/{}", selection->split->group, selection->split->splits));
  }
  return name.empty() ? id() : name;
}

Job job_of(const Run& run) {
  Job job{run.suite(), run.variant(), run.selection ? run.selection->chunk : std::string()};
  if (run.selection && run.selection->split) {
    job.splits = run.selection->split->splits;
    job.group = run.selection->split->group;
  }
  if (!job.chunk.empty() || job.splits > 0) return job;
  if (run.journal.started && !run.journal.started->command.empty()) {
    // The program may stand in another place on each machine; a run that resumes another does its job.
    const std::vector<std::string>& command = run.journal.started->command;
    std::copy_if(command.begin() + 1, command.end(), std::back_inserter(job.command),
                 [](const std::string& word) { return word != "--resume"; });
  }
  return job;
}

bool starts_before(const Run& a, const Run& b) {
  const auto key = [](const Run& run) {
    return std::make_tuple(run.started(), run.id(), run.journal.until, run.folder);
  };
  return key(a) < key(b);
}

bool is_same(const Run& a, const Run& b) {
  const auto key = [](const Run& run) {
    return std::make_tuple(run.id(), run.started(), run.journal.until, run.journal.finished.size(), run.journal.workers,
                           run.journal.ended.has_value(),
                           run.journal.started ? run.journal.started->host : std::string());
  };
  return key(a) == key(b) && job_of(a) == job_of(b);
}

}  // namespace fittest::merge
