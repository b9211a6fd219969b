// What tests come to: believed, tried again, amended.
#include <algorithm>

#include "run/runner.h"

namespace fittest::run {

void Runner::test_started(WorkerId id, TestIndex test) {
  if (observed_) {
    observed_->test_started = now();
    observed_->held_before = session_held_;
    tell(report::TestStarted{id, test, this->id(test)});
    return;
  }
  RunningWorker* worker = workers_.find(id);
  if (worker == nullptr) return;
  worker->running = test;
  worker->ran_a_test = true;
  failed_starts_ = 0;
  worker->test_started = now();
  worker->held_before = worker->usage.held;
  worker->most_held = worker->usage.held;
  tell(report::TestStarted{id, test, this->id(test)});
  if (phase_ == Phase::running) scheduler_->test_started(id, test, now());
}

void Runner::test_finished(suite::TestEnd end) {
  if (observed_) {
    observed_finished(end);
    return;
  }
  RunningWorker* found = workers_.find(end.worker);
  if (found == nullptr || phase_ == Phase::finishing || ledger_.is_settled(end.test)) return;
  RunningWorker& worker = *found;
  // What children of the test held is in the samples only, where the kernel keeps no peak that can be started anew, or
  // where page cache hides in it.
  end.peak = std::max(end.peak, worker.most_held - worker.held_before);

  // A failure beside a kernel kill in the same domain says nothing of the test: one of its processes was killed.
  if (is_failure(end.verdict) && phase_ == Phase::running) {
    const memory::Usage usage = worker.domain->usage();
    if (usage.oom_kills > 0) {
      worker.most_held = std::max(worker.most_held, usage.peak);
      kill(worker, KilledFor::unbelievable);
      return;  // worker_gone has the rest
    }
  }
  worker.running.reset();
  worker.last_test_ended = now();
  worker.usage.held = end.held;
  const Bytes retained = end.held - worker.held_after_last;
  worker.held_after_last = end.held;
  if (!worker.batch.empty() && worker.batch.front() == end.test) worker.batch.pop_front();
  if (phase_ == Phase::running) {
    scheduler_->test_finished(end.worker, end.test, end.peak, end.held, now());
    const auto first = second_chances_.find(end.test);
    if (is_failure(end.verdict) && !worker.spoiled_by.empty() && first == second_chances_.end()) {
      second_chances_[end.test] = worker.spoiled_by + " left behind: " + worker.left_behind;
      scheduler_->run_again(end.test);
      tell(report::TestRequeued{end.test, id(end.test),
                                "failed where " + worker.spoiled_by + " had left " + worker.left_behind});
      note_left_behind(worker, end);
      pump();
      return;
    }
    if (first != second_chances_.end() && !is_failure(end.verdict)) {
      end.detail = "passes in a fresh worker; failed after " + first->second;
    }
  }
  const bool broken = end.broken;
  settle(end, retained);
  note_left_behind(worker, end);
  if (broken && phase_ == Phase::running) {
    scheduler_->worker_spoiled(end.worker, now());
    worker.batch.clear();
  }
  pump();
}

void Runner::note_left_behind(RunningWorker& worker, const suite::TestEnd& end) {
  if (end.left_behind.empty() || !worker.spoiled_by.empty()) return;
  worker.spoiled_by = id(end.test);
  worker.left_behind = end.left_behind;
}

void Runner::settle(suite::TestEnd& end, Bytes retained) {
  report::TestFinished finished;
  finished.worker = end.worker;
  finished.test = end.test;
  finished.id = id(end.test);
  finished.verdict = end.verdict;
  finished.duration = end.duration;
  finished.peak = end.peak;
  finished.retained = retained;
  finished.heap = end.heap;
  finished.detail = std::move(end.detail);
  finished.message = std::move(end.message);
  suite_->report(end.test, end.verdict, end.report);
  ledger_.settle(now(), std::move(finished), end.report);
}

void Runner::observed_finished(suite::TestEnd& end) {
  report::TestFinished finished;
  finished.test = end.test;
  finished.id = id(end.test);
  finished.verdict = end.verdict;
  finished.duration = end.duration;
  finished.peak = end.peak;
  finished.retained = end.held - observed_->held_after_last;
  finished.heap = end.heap;
  finished.detail = end.detail;
  observed_->held_after_last = end.held;
  if (!ledger_.is_settled(end.test)) ledger_.settle(now(), std::move(finished), {});
}

void Runner::test_amended(suite::TestAmendment amendment) {
  if (phase_ == Phase::finishing || !ledger_.is_settled(amendment.test)) return;
  suite_->amend(amendment.test, amendment.report);
  ledger_.amend(now(), report::TestAmended{amendment.test, id(amendment.test), amendment.verdict, amendment.detail});
}

}  // namespace fittest::run
