// Starting, feeding and losing workers.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>

#include "plan/reserve.h"
#include "run/runner.h"

namespace fittest::run {
namespace {

constexpr Seconds kRetirePatience = 30;  // for the teardown of session fixtures
constexpr unsigned kMostFailedStarts = 5;

std::string_view words(plan::RetireReason reason) {
  switch (reason) {
    case plan::RetireReason::retained:
      return "retained too much";
    case plan::RetireReason::memory_needed:
      return "its memory is needed";
    case plan::RetireReason::group_done:
      return "its group is done";
    case plan::RetireReason::spoiled:
      return "a test left its interpreter changed";
    case plan::RetireReason::no_more_work:
      break;
  }
  return "no more work";
}

}  // namespace

void Runner::pump() {
  if (phase_ == Phase::running && scheduler_) {
    for (const plan::Decision& decision : scheduler_->decide(now())) {
      if (const auto* start = std::get_if<plan::StartWorker>(&decision)) start_worker(*start);
      if (const auto* run = std::get_if<plan::RunBatch>(&decision)) run_batch(*run);
      if (const auto* retire_one = std::get_if<plan::RetireWorker>(&decision)) {
        if (RunningWorker* worker = workers_.find(retire_one->worker)) retire(*worker, words(retire_one->reason));
      }
      if (phase_ != Phase::running) return;
    }
    terminal_.set_time_left(scheduler_->time_left(now()));
  }
  finish_if_done();
}

void Runner::start_worker(const plan::StartWorker& decision) {
  auto domain = domain_->make_worker(fmt::format("w{}", number(decision.worker)));
  if (!domain) {
    failed(domain.error());
    return;
  }
  RunningWorker& worker = workers_.add(decision.worker);
  worker.domain = std::move(*domain);
  suite::WorkerPlace place{decision.worker, worker.slot, worker.domain->join_files(), worker.domain->environment(),
                           worker.domain->resettable_peak_file()};
  if (collected_->isolation == "spawn") {  // a fork goes on with what the session was told
    for (std::string& line : heap_environment()) place.environment.push_back(std::move(line));
  }
  if (auto started = suite_->start_worker(place); !started) failed(started.error());
}

void Runner::worker_ready(WorkerId id, pid_t pid, Bytes held) {
  RunningWorker* worker = workers_.find(id);
  if (worker == nullptr) return;
  worker->pid = pid;
  worker->ready = true;
  worker->held_after_last = held;
  worker->domain->adopt(pid);
  tell(report::WorkerStarted{id, pid});
  if (phase_ != Phase::running) {
    retire(*worker, "the run stops");
    return;
  }
  scheduler_->worker_started(id, held, now());
  pump();
}

void Runner::run_batch(const plan::RunBatch& decision) {
  RunningWorker* worker = workers_.find(decision.worker);
  if (worker == nullptr) return;
  worker->batch.assign(decision.tests.begin(), decision.tests.end());
  worker->batch_started = now();
  worker->reservation = worker->usage.held + decision.reservation;
  suite_->run_batch(decision.worker, decision.tests);
}

void Runner::batch_done(WorkerId id, Bytes held) {
  RunningWorker* worker = workers_.find(id);
  if (worker == nullptr || phase_ != Phase::running) return;
  worker->batch.clear();
  worker->reservation = {};
  // Others shall not inherit what its tests left behind.
  if (!worker->spoiled_by.empty()) scheduler_->worker_spoiled(id, now());
  worker->usage.held = held;
  scheduler_->batch_done(id, now());
  pump();
}

void Runner::retire(RunningWorker& worker, std::string_view why) {
  if (worker.retiring) return;
  worker.retiring = true;
  worker.kill_at = now() + kRetirePatience;
  if (worker.frozen) thaw(worker);
  worker.ended_because = why;
  suite_->retire(worker.id);
}

void Runner::kill(RunningWorker& worker, KilledFor why) {
  if (!worker.killed) worker.killed = why;
  worker.frozen = false;  // a killed process is thawed to die
  if (auto killed = worker.domain->kill_all(); !killed) tell(report::Notice{killed.error().text()});
}

void Runner::worker_gone(WorkerId id, ExitStatus status) {
  RunningWorker* found = workers_.find(id);
  if (found == nullptr) return;
  RunningWorker& worker = *found;
  const memory::Usage usage = worker.domain->usage();
  const std::optional<TestIndex> running = worker.running;
  const bool kernel_kill = !worker.killed && was_killed_for_memory(worker, status, usage);
  const bool ended_itself = !worker.killed && !kernel_kill && !worker.retiring;
  const Bytes most = std::max(worker.most_held, kernel_kill ? usage.peak : Bytes{});
  const Bytes observed = most - worker.held_before;

  std::string why = std::string(worker.ended_because);
  if (worker.killed == KilledFor::pressure) why = "killed: memory was short";
  if (worker.killed == KilledFor::timeout) why = "killed: a test took too long";
  if (worker.killed == KilledFor::unbelievable) why = "killed: the kernel had killed one of its processes";
  if (kernel_kill) why = "killed by the kernel: out of memory";
  if (ended_itself) why = "crashed: " + status.text();
  tell(report::WorkerEnded{id, why});

  if (worker.retiring && !worker.killed && status.by_signal()) {
    tell(report::Notice{
        fmt::format("worker gw{} crashed while it tore down its fixtures: {}", worker.slot, status.text())});
  }

  plan::GoneCause cause = plan::GoneCause::retired;
  if (worker.killed == KilledFor::pressure) cause = plan::GoneCause::killed;
  if (worker.killed == KilledFor::timeout || ended_itself) cause = plan::GoneCause::crashed;
  if (kernel_kill || worker.killed == KilledFor::unbelievable) cause = plan::GoneCause::kernel;
  const bool for_memory = cause == plan::GoneCause::killed || cause == plan::GoneCause::kernel;

  if (scheduler_ && phase_ == Phase::running) {
    const auto requeue = scheduler_->worker_gone(id, cause, running, observed, now());
    if (running && for_memory) {
      const std::string_view short_why = cause == plan::GoneCause::killed ? "memory was short" : "out of memory";
      tell(report::BatchKilled{id, this->id(*running), most, cause == plan::GoneCause::kernel, std::string(short_why),
                               observed});
      const bool lent =
          requeue && plan::needs_reserve(*requeue, observed, budget_.bytes - session_held_) && lend_reserve(*running);
      if (requeue == plan::Requeue::over_budget && lent) {
        scheduler_->run_again(*running, true);
        tell(report::TestRequeued{*running, this->id(*running), "to run alone, with the reserve lent to it"});
      } else if (requeue == plan::Requeue::over_budget) {
        settle_over_budget(worker, most);
      } else {
        ledger_.learn(this->id(*running), observed);
        tell(report::TestRequeued{*running, this->id(*running),
                                  requeue == plan::Requeue::alone ? "to run alone" : "with a larger reservation"});
      }
    } else if (running && cause == plan::GoneCause::crashed) {
      settle_lost(worker, status);
    }
    if (!worker.ran_a_test && (ended_itself || kernel_kill) && ++failed_starts_ >= kMostFailedStarts) {
      failed({fmt::format("{} workers in a row ended before they ran a test, the last one by {}", failed_starts_,
                          status.text()),
              "worker", "see the output above; --isolation spawn starts them another way"});
    }
    if (ended_itself && collected_->max_worker_restarts && ++crashes_ > *collected_->max_worker_restarts) {
      stop({suite::Finish::Kind::stopped,
            fmt::format("more than {} workers crashed", *collected_->max_worker_restarts),
            {}});
    }
  }
  workers_.remove(id);
  pump();
}

// A SIGKILL that no kernel counter speaks of came from somewhere else: a script, an administrator, the test itself.
// Once that may be bad luck, and the test is run again like one that was killed for memory; twice it is a crash.
bool Runner::was_killed_for_memory(const RunningWorker& worker, ExitStatus status, const memory::Usage& usage) {
  if (worker.retiring && !worker.running) return false;
  if (usage.oom_kills > 0) return true;
  if (!status.by_signal() || status.signal() != SIGKILL) return false;
  return !domain_->enforces() || !worker.running || killed_from_outside_.insert(*worker.running).second;
}

// What is left of the machine's memory is better lent to a test than kept while the test gets no verdict. Once a run.
bool Runner::lend_reserve(TestIndex test) {
  const Bytes more = memory::lendable(budget_);
  if (more == Bytes{}) return false;
  if (auto raised = domain_->raise_budget(budget_.bytes + more); !raised) {
    tell(report::Notice{raised.error().text()});
    return false;
  }
  budget_.bytes += more;
  budget_.reserve -= more;
  const Bytes room = leave_room_for_session();
  if (scheduler_) scheduler_->budget_changed(room);
  tell(report::BudgetRaised{budget_.bytes,
                            fmt::format("of the reserve, {} are lent to {}", format_bytes(more), id(test))});
  return true;
}

void Runner::settle_over_budget(const RunningWorker& worker, Bytes most) {
  settle_without_report(
      worker, Verdict::over_budget,
      fmt::format("over_budget: alone, the test held {} when it was ended; the budget is {}, of which "
                  "the collected suite itself holds {}.\nRaise --budget, or make the test smaller.",
                  format_bytes(most), format_bytes(budget_.bytes), format_bytes(session_held_)),
      most - worker.held_before);
}

void Runner::settle_lost(const RunningWorker& worker, ExitStatus status) {
  const std::string test = id(*worker.running);
  if (worker.killed == KilledFor::timeout) {
    settle_without_report(worker, Verdict::timed_out,
                          fmt::format("timed_out: '{}' took longer than --test-timeout {:g} s; its worker was killed",
                                      test, options_.test_timeout.value_or(0)),
                          {});
  } else {
    settle_without_report(worker, Verdict::crashed,
                          fmt::format("worker 'gw{}' crashed while running '{}': {}", worker.slot, test, status.text()),
                          {});
  }
}

void Runner::settle_without_report(const RunningWorker& worker, Verdict verdict, const std::string& text,
                                   Bytes at_least) {
  const TestIndex test = *worker.running;
  suite_->report_verdict(test, verdict, text);
  report::TestFinished finished;
  finished.worker = worker.id;
  finished.test = test;
  finished.id = id(test);
  finished.verdict = verdict;
  finished.duration = now() - worker.test_started;
  finished.detail = text.substr(0, text.find('\n'));
  finished.message = text;
  if (at_least > Bytes{}) finished.at_least = at_least;
  ledger_.settle(now(), std::move(finished), {});
}

}  // namespace fittest::run
