#include "export/slurm_listing.h"

#include <charconv>

namespace fittest::exporting {
namespace {

template <typename Visit>
void for_each_part(std::string_view text, char separator, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for_each_part(line, '|', [&](std::string_view field) { fields.push_back(field); });
  return fields;
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

bool is_number(std::string_view text) {
  return number(text).has_value();
}

// "CANCELLED by 1000" is CANCELLED.
std::string_view state_word(std::string_view text) {
  return text.substr(0, text.find(' '));
}

// "None" and "(null)" mean that there is none.
std::string reason_word(std::string_view text) {
  return text == "None" || text == "(null)" ? std::string() : std::string(text);
}

// "1:0": code and signal.
void read_exit(std::string_view text, SlurmState& state) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return;
  const auto code = number(text.substr(0, colon));
  const auto signal = number(text.substr(colon + 1));
  if (code) state.code = static_cast<int>(*code);
  if (signal) state.signal = static_cast<int>(*signal);
}

SlurmTask make_task(std::string_view job, unsigned group, std::string_view word) {
  SlurmTask task;
  task.job = job;
  task.group = group;
  task.state.word = word;
  return task;
}

// The value of a field of `scontrol show job -o`, where they stand as "Name=value" with spaces between.
std::string_view field(std::string_view line, std::string_view name) {
  const std::string wanted = " " + std::string(name) + "=";
  const std::size_t at = line.find(wanted);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + wanted.size());
  return line.substr(0, line.find(' '));
}

}  // namespace

std::optional<std::string> read_sbatch(std::string_view output) {
  std::optional<std::string> job;
  for_each_part(output, '\n', [&](std::string_view line) {
    const std::string_view first = line.substr(0, line.find(';'));
    if (is_number(first)) job = std::string(first);
  });
  return job;
}

std::vector<std::string> squeue_command(const std::vector<std::string>& jobs) {
  std::string list;
  for (const std::string& job : jobs) list += (list.empty() ? "" : ",") + job;
  return {"squeue", "--noheader", "--array", "--states=all", "--format=%F|%K|%T|%r", "--jobs=" + list};
}

std::vector<SlurmTask> read_squeue(std::string_view output) {
  std::vector<SlurmTask> tasks;
  for_each_part(output, '\n', [&](std::string_view line) {
    const auto fields = fields_of(line);
    if (fields.size() < 3 || !is_number(fields[0])) return;
    const auto group = number(fields[1]);
    const std::string_view word = state_word(fields[2]);
    if (!group || word.empty()) return;
    tasks.push_back(make_task(fields[0], *group, word));
    if (fields.size() > 3) tasks.back().state.reason = reason_word(fields[3]);
  });
  return tasks;
}

std::vector<std::string> scontrol_command(const std::string& job) {
  return {"scontrol", "show", "job", "--oneliner", job};
}

std::vector<SlurmTask> read_scontrol(std::string_view output) {
  std::vector<SlurmTask> tasks;
  for_each_part(output, '\n', [&](std::string_view line) {
    // Tasks that have not begun share a line, with "ArrayTaskId=1-3": of those there is nothing to say.
    const auto group = number(field(line, "ArrayTaskId"));
    const std::string_view job = field(line, "ArrayJobId");
    const std::string_view word = field(line, "JobState");
    if (!group || !is_number(job) || word.empty()) return;
    tasks.push_back(make_task(job, *group, word));
    tasks.back().state.reason = reason_word(field(line, "Reason"));
    read_exit(field(line, "ExitCode"), tasks.back().state);
  });
  return tasks;
}

std::vector<std::string> sacct_command(const std::string& job) {
  return {"sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID,State,ExitCode", "--jobs=" + job};
}

std::vector<SlurmTask> read_sacct(std::string_view output) {
  std::vector<SlurmTask> tasks;
  for_each_part(output, '\n', [&](std::string_view line) {
    const auto fields = fields_of(line);
    if (fields.size() != 3) return;
    const std::size_t mark = fields[0].find('_');  // "12_3"; "12_[4-5]" for those that have not begun
    if (mark == std::string_view::npos) return;
    const std::string_view job = fields[0].substr(0, mark);
    const auto group = number(fields[0].substr(mark + 1));
    const std::string_view word = state_word(fields[1]);
    if (!group || !is_number(job) || word.empty()) return;
    tasks.push_back(make_task(job, *group, word));
    SlurmState& state = tasks.back().state;
    read_exit(fields[2], state);
    // What scontrol says, and sacct does not.
    if (state.word == "FAILED" && state.signal == 0) state.reason = "NonZeroExitCode";
  });
  return tasks;
}

bool counts_shared_pages_each(std::string_view configuration) {
  bool by_process = false, kills = false, corrected = false;
  for_each_part(configuration, '\n', [&](std::string_view line) {
    const auto says = [&](std::string_view word) { return line.find(word) != std::string_view::npos; };
    if (line.starts_with("JobAcctGatherType ")) by_process = says("jobacct_gather/linux");
    if (line.starts_with("JobAcctGatherParams ")) {
      kills = says("OverMemoryKill");
      corrected = says("UsePss") || says("NoShare");
    }
  });
  return by_process && kills && !corrected;
}

}  // namespace fittest::exporting
