#include "export/slurm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "export/bash_words.h"

namespace fittest::exporting {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

std::string in_mib(Bytes amount) {
  return fmt::format("{}M", (amount.value + kMiB - 1) / kMiB);
}

std::string in_minutes(Seconds time) {
  return fmt::format("{}", std::max(1L, static_cast<long>(std::ceil(time / 60))));
}

// A name for a file of which Slurm replaces what follows a '%'.
std::string as_pattern(const std::string& path) {
  std::string pattern;
  for (const char c : path) pattern += c == '%' ? std::string("%%") : std::string(1, c);
  return pattern;
}

}  // namespace

std::filesystem::path SlurmJob::run_folder(unsigned group, unsigned attempt) const {
  return results / fmt::format("group-{}", group) / fmt::format("attempt-{}", attempt);
}
std::filesystem::path SlurmJob::output(unsigned group, unsigned attempt) const {
  return results / fmt::format("group-{}-attempt-{}.out", group, attempt);
}
std::filesystem::path SlurmJob::exit_file(unsigned group, unsigned attempt) const {
  return results / fmt::format("group-{}-attempt-{}.exit", group, attempt);
}

std::string slurm_script(const SlurmJob& job, const std::vector<std::string>& comment) {
  std::string head;
  for (const std::string& line : comment) head += line.empty() ? "#\n" : "# " + line + "\n";
  std::vector<std::string> more;
  if (job.python) more.insert(more.end(), {"--python", *job.python});
  more.insert(more.end(), {"-n", std::to_string(job.workers)});
  more.insert(more.end(), job.arguments.begin(), job.arguments.end());
  return fmt::format(R"(#!/bin/bash
# A task of a Slurm job array: runs one group of a split with fittest.
#   $1: the attempt, from 1    $2: the budget in bytes
{head}set -u
attempt=${{1:?the attempt is missing}}
budget=${{2:?the budget is missing}}
group=$SLURM_ARRAY_TASK_ID
results={results}
exit_file=$results/group-$group-attempt-$attempt.exit

run() {{
  cd -- {folder} || return 4
  mkdir -p -- "$results/group-$group" || return 4
  {program} pytest --plan "$results/plan.json" --group "$group" \
    --run-folder "$results/group-$group/attempt-$attempt" --budget "$budget" \
    {more}
}}

# Slurm announces the end with SIGTERM: fittest then ends the run in order, and this script waits for it.
trap : TERM
run
code=$?
printf '%s\n' "$code" >"$exit_file.unfinished" && mv -- "$exit_file.unfinished" "$exit_file"
exit "$code"
)",
                     fmt::arg("head", head), fmt::arg("results", bash_word(job.results.string())),
                     fmt::arg("folder", bash_word(job.folder.string())),
                     fmt::arg("program", bash_word(job.program.string())), fmt::arg("more", bash_words(more)));
}

std::vector<std::string> sbatch_command(const SlurmJob& job, const std::vector<unsigned>& groups, unsigned attempt,
                                        const SlurmNeed& need) {
  // Without --no-requeue Slurm would start a task again by itself, under the same attempt.
  std::vector<std::string> command = {"sbatch",    "--parsable", "--no-requeue", "--job-name=fittest",
                                      "--nodes=1", "--ntasks=1"};
  command.push_back("--array=" + index_list(groups));
  command.push_back(fmt::format("--cpus-per-task={}", job.workers));
  command.push_back("--mem=" + in_mib(need.memory));
  if (need.time) command.push_back("--time=" + in_minutes(*need.time));
  if (job.partition) command.push_back("--partition=" + *job.partition);
  command.push_back("--output=" + as_pattern((job.results / "group-").string()) +
                    fmt::format("%a-attempt-{}.out", attempt));
  command.insert(command.end(), job.sbatch_arguments.begin(), job.sbatch_arguments.end());
  command.push_back(job.script().string());
  command.push_back(std::to_string(attempt));
  command.push_back(std::to_string(need.budget.value));
  return command;
}

std::string index_list(std::vector<unsigned> numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  std::string list;
  for (std::size_t first = 0; first < numbers.size();) {
    std::size_t last = first;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!list.empty()) list += ",";
    list += std::to_string(numbers[first]);
    if (last > first) list += "-" + std::to_string(numbers[last]);
    first = last + 1;
  }
  return list;
}

}  // namespace fittest::exporting
