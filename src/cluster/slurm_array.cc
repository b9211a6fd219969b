#include "cluster/slurm_array.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>

#include "cluster/ask.h"
#include "cluster/tally.h"
#include "cluster/task_files.h"
#include "export/slurm_listing.h"
#include "export/slurm_need.h"
#include "export/slurm_outcome.h"
#include "report/words.h"

namespace fittest::cluster {
namespace {

using exporting::Decision;
using exporting::Next;
using exporting::SlurmNeed;
using exporting::SlurmState;

// A group, and the task that runs it now.
struct Group {
  unsigned number = 1;
  unsigned attempt = 0;
  SlurmNeed need;
  std::string job;    // the array of the attempt
  std::string state;  // as Slurm last said
  std::string reason;
  unsigned missed = 0;  // looks in a row at which Slurm did not know it
  enum class End { not_yet, done, given_up } end = End::not_yet;
};

// Of a task that Slurm does not list: one look may have come too early.
constexpr unsigned kMissedIsForgotten = 2;
constexpr Seconds kLongestCommand = 120;

std::string words(const SlurmNeed& need) {
  std::string text = fmt::format("{} (budget {})", format_bytes(need.memory), format_bytes(need.budget));
  if (need.time) text += ", " + report::format_span(*need.time);
  return text;
}

class SlurmArray {
 public:
  SlurmArray(const ArrayOptions& options, Interruption& interruption, report::Screen& screen)
      : options_(options), interruption_(interruption), screen_(screen) {
    for (unsigned number = 1; number <= options.groups; ++number) {
      groups_.push_back({.number = number, .attempt = 0, .need = options.need, .job = {}, .state = {}, .reason = {}});
    }
  }

  Result<ArrayEnd> run() {
    std::vector<Group*> all;
    for (Group& group : groups_) all.push_back(&group);
    if (const auto submitted = submit(all, 1, options_.need); !submitted) return tl::unexpected(submitted.error());
    if (!interrupted_) {
      screen_.line(fmt::format("fittest: submitted job {}: {}, each with {}, {}", groups_.front().job,
                               report::counted(options_.groups, "group"), report::counted(options_.job.workers, "CPU"),
                               words(options_.need)));
    }
    while (!interrupted_ && is_open()) {
      show_progress();
      if (interruption_.wait(options_.between_looks)) interrupted_ = true;
      if (!interrupted_) look();
    }
    if (interrupted_) {
      cancel();
    } else {
      screen_.line(progress_text(tally()));
    }
    screen_.clear_progress();
    ArrayEnd end{.groups = {}, .interrupted = interrupted_};
    for (const Group& group : groups_) {
      end.groups.push_back({group.number, group.attempt, group.end == Group::End::done});
    }
    return end;
  }

 private:
  [[nodiscard]] bool is_open() const {
    return std::any_of(groups_.begin(), groups_.end(),
                       [](const Group& group) { return group.end == Group::End::not_yet; });
  }

  // The numbers of the arrays that still have something to run.
  [[nodiscard]] std::vector<std::string> open_jobs() const {
    std::vector<std::string> jobs;
    for (const Group& group : groups_) {
      if (group.end == Group::End::not_yet && std::find(jobs.begin(), jobs.end(), group.job) == jobs.end()) {
        jobs.push_back(group.job);
      }
    }
    return jobs;
  }

  // Nothing where a signal came instead, or the program could not be run; what is wrong is said once.
  std::optional<Answer> ask_slurm(const std::vector<std::string>& command) {
    const auto asked = ask(command, interruption_);
    if (!asked) {
      complain(asked.error().text());
      return std::nullopt;
    }
    if (asked->interrupted) {
      interrupted_ = true;
      return std::nullopt;
    }
    return asked->answer;
  }

  void complain(const std::string& what) {
    if (complaint_ != what) screen_.line("fittest: " + what);
    complaint_ = what;
  }

  Result<void> submit(const std::vector<Group*>& groups, unsigned attempt, const SlurmNeed& need) {
    std::vector<unsigned> numbers;
    for (const Group* group : groups) numbers.push_back(group->number);
    // A signal waits until this is over: an array that nobody knows the number of could not be cancelled.
    const auto asked = ask_to_its_end(exporting::sbatch_command(options_.job, numbers, attempt, need));
    if (!asked) return tl::unexpected(asked.error());
    const auto job = exporting::read_sbatch(asked->output);
    if (!asked->ok() || !job) {
      const std::string said = report::one_line(asked->error.empty() ? asked->output : asked->error);
      return failure(said.empty() ? "it ended by " + asked->status.text() : said, said.empty() ? "sbatch" : "");
    }
    for (Group* group : groups) {
      group->attempt = attempt;
      group->need = need;
      group->job = *job;
      group->state = "PENDING";
      group->reason.clear();
      group->missed = 0;
    }
    return {};
  }

  Result<Answer> ask_to_its_end(const std::vector<std::string>& command) {
    const auto asked = ask(command, interruption_, Signals::wait_for_its_end, kLongestCommand);
    if (!asked) return tl::unexpected(asked.error());
    interrupted_ = interrupted_ || asked->interrupted;
    return asked->answer;
  }

  // Asks Slurm for the tasks, and goes on with those that are over.
  void look() {
    const auto answer = ask_slurm(exporting::squeue_command(open_jobs()));
    if (!answer) return;
    const bool forgotten = answer->error.find("Invalid job id") != std::string::npos;
    if (!answer->ok() && !forgotten) return complain(fmt::format("squeue: {}", report::one_line(answer->error)));
    complaint_.clear();
    for (Group& group : groups_) {
      if (group.end == Group::End::not_yet) ++group.missed;
    }
    for (const exporting::SlurmTask& task : exporting::read_squeue(answer->output)) {
      if (task.group < 1 || task.group > groups_.size()) continue;
      Group& group = groups_[task.group - 1];
      if (group.job != task.job) continue;  // of an attempt before
      group.missed = 0;
      group.state = task.state.word;
      group.reason = task.state.reason;
    }
    std::map<std::tuple<unsigned, Bytes, Bytes, std::optional<Seconds>>, std::vector<Group*>> again;
    for (Group& group : groups_) {
      if (interrupted_ || group.end != Group::End::not_yet) continue;
      if (!exporting::is_over(group.state) && group.missed < kMissedIsForgotten) continue;
      if (const auto need = after_the_end(group)) {
        again[{group.attempt + 1, need->memory, need->budget, need->time}].push_back(&group);
      }
    }
    for (const auto& [key, groups] : again) {
      if (!interrupted_) send_again(groups, std::get<0>(key), {std::get<2>(key), std::get<1>(key), std::get<3>(key)});
    }
  }

  // What the group's next attempt needs, if it is to have one.
  std::optional<SlurmNeed> after_the_end(Group& group) {
    const TaskFiles files = read_task_files(options_.job, group.number, group.attempt);
    const exporting::TaskEnd end{.slurm = state_of(group, files),
                                 .written_code = files.exit_code,
                                 .output = files.output,
                                 .over_budget = files.over_budget};
    if (interrupted_) return std::nullopt;
    Decision decision = exporting::decide(end, group.attempt, options_.attempts);
    SlurmNeed need = group.need;
    if (decision.next == Next::again_more_time) {
      need = exporting::with_more_time(need);
      if (!need.time)
        decision = {Next::give_up, "it was ended at the partition's limit of time; --time-limit asks for more"};
    }
    if (decision.next == Next::again_more_memory) {
      need = exporting::with_more_memory(need, options_.most_memory);
      if (need.memory <= group.need.memory) {
        decision.next = exporting::ran_to_its_end(end) ? Next::done : Next::give_up;
        decision.why += fmt::format(", and has had all of the {} it may have", format_bytes(group.need.memory));
      }
    }
    if (decision.next == Next::done || decision.next == Next::give_up) {
      group.end = decision.next == Next::done ? Group::End::done : Group::End::given_up;
      if (!decision.why.empty()) {
        screen_.line(fmt::format("fittest: group {}: {}{}; see {}", group.number,
                                 decision.next == Next::done ? "" : "given up: ", decision.why,
                                 options_.job.output(group.number, group.attempt).string()));
      }
      return std::nullopt;
    }
    screen_.line(fmt::format("fittest: group {}: {}", group.number, decision.why));
    forget_empty_run(options_.job, group.number, group.attempt);
    return need;
  }

  // What Slurm says of a task that is over, in full where the task has left no exit code.
  std::optional<SlurmState> state_of(const Group& group, const TaskFiles& files) {
    if (!files.exit_code) {
      for (const auto& [command, read] : {std::pair{exporting::scontrol_command(group.job), &exporting::read_scontrol},
                                          std::pair{exporting::sacct_command(group.job), &exporting::read_sacct}}) {
        const auto answer = ask_slurm(command);
        if (interrupted_) return std::nullopt;
        if (!answer) continue;
        for (const exporting::SlurmTask& task : read(answer->output)) {
          if (task.job == group.job && task.group == group.number && exporting::is_over(task.state.word)) {
            return task.state;
          }
        }
      }
    }
    if (!exporting::is_over(group.state)) return std::nullopt;
    SlurmState state;
    state.word = group.state;
    state.reason = group.reason;
    return state;
  }

  void send_again(const std::vector<Group*>& groups, unsigned attempt, const SlurmNeed& need) {
    std::vector<unsigned> numbers;
    for (const Group* group : groups) numbers.push_back(group->number);
    const std::string which = fmt::format("group{} {}", numbers.size() == 1 ? "" : "s", exporting::index_list(numbers));
    if (const auto submitted = submit(groups, attempt, need); !submitted) {
      for (Group* group : groups) group->end = Group::End::given_up;
      screen_.line(fmt::format("fittest: {}: given up: cannot be sent again with {}: {}", which, words(need),
                               submitted.error().text()));
      return;
    }
    screen_.line(fmt::format("fittest: {}: sent again as job {} with {}, attempt {} of {}", which, groups.front()->job,
                             words(need), attempt, options_.attempts));
  }

  void cancel() {
    const std::vector<std::string> jobs = open_jobs();
    if (jobs.empty()) return;
    std::vector<std::string> command = {"scancel"};
    command.insert(command.end(), jobs.begin(), jobs.end());
    const auto answer = ask_to_its_end(command);
    const std::string list = fmt::format("job{} {}", jobs.size() == 1 ? "" : "s", fmt::join(jobs, ", "));
    if (!answer || !answer->ok()) {
      screen_.line(fmt::format("fittest: cannot cancel {}: {}\n  -> by hand: scancel {}", list,
                               answer ? report::one_line(answer->error) : answer.error().text(), fmt::join(jobs, " ")));
      return;
    }
    const auto open = std::count_if(groups_.begin(), groups_.end(),
                                    [](const Group& group) { return group.end == Group::End::not_yet; });
    screen_.line(fmt::format("fittest: interrupted: cancelled {}, with {} that had not ended", list,
                             report::counted(static_cast<std::uint64_t>(open), "group")));
  }

  [[nodiscard]] Tally tally() const {
    Tally tally;
    for (const Group& group : groups_) {
      if (group.end == Group::End::done) {
        ++tally.done;
      } else if (group.end == Group::End::given_up) {
        ++tally.given_up;
      } else if (group.state == "PENDING") {
        ++tally.pending;
        if (!group.reason.empty()) tally.reason = group.reason;
      } else {
        ++tally.running;
      }
    }
    return tally;
  }

  void show_progress() {
    const std::string text = progress_text(tally());
    if (screen_.options().terminal) {
      screen_.progress(text);
    } else if (text != shown_) {
      screen_.line(text);
    }
    shown_ = text;
  }

  const ArrayOptions& options_;
  Interruption& interruption_;
  report::Screen& screen_;
  std::vector<Group> groups_;  // group N at N - 1
  bool interrupted_ = false;
  std::string complaint_;  // the last one, so that it is not said at every look
  std::string shown_;
};

}  // namespace

Result<ArrayEnd> run_slurm_array(const ArrayOptions& options, Interruption& interruption, report::Screen& screen) {
  return SlurmArray(options, interruption, screen).run();
}

}  // namespace fittest::cluster
