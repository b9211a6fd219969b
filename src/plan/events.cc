// What happens to tests and workers, and what the scheduler learns from it.
#include <algorithm>

#include "plan/scheduler_state.h"

namespace fittest::plan {

namespace {

// What a test that was killed is believed to need from then on. `observed` is only what it had reached.
Bytes learned_peak(Bytes observed, Bytes believed) {
  return std::max({observed.scaled(1.5), believed.scaled(1.5), believed + MiB(16)});
}
// With so much of the budget set aside, next to nothing could run beside it.
constexpr double kCloseToBudget = 0.8;

}  // namespace

void Scheduler::State::lay_out_tests() {
  if (laid_out_) return;
  laid_out_ = true;
  std::vector<TestIndex> wanted;
  wanted.reserve(pending_);
  for (TestIndex test = 0; test < standing_.size(); ++test) {
    if (standing_[test] == Standing::waiting) wanted.push_back(test);
  }
  Layout layout = lay_out(wanted, specs_, beliefs_, machine_, dist_, limits_.sequence, seed_);
  specs_ = {};
  order_ = std::move(layout.order);
  queue_ = Queue(std::move(layout.pieces), [this](const Piece& piece) { return least_of(piece); });
}

void Scheduler::State::stand(TestIndex test, Standing standing) {
  Standing& now = standing_[test];
  if (now == standing) return;
  if (now == Standing::waiting) beliefs_.waits_no_more(test);
  if (standing == Standing::waiting) beliefs_.now_waits(test);
  if (now == Standing::settled) ++pending_;
  if (standing == Standing::settled) --pending_;
  now = standing;
}

bool Scheduler::State::holds(const Worker& worker, TestIndex test) const {
  return test < standing_.size() && (standing_[test] == Standing::given || standing_[test] == Standing::running) &&
         holders_[test] == worker.id;
}

bool Scheduler::State::runs(const Worker& worker, TestIndex test) const {
  return worker.phase == Phase::busy && worker.batch && holds(worker, test);
}

void Scheduler::State::settle(TestIndex test) {
  if (!laid_out_ && test < standing_.size()) stand(test, Standing::settled);
}

void Scheduler::State::budget_changed(Bytes budget) {
  machine_.budget = budget;
  beliefs_.limit_unknown(budget - machine_.worker_base);
}

void Scheduler::State::worker_started(WorkerId id, Bytes held, Seconds now) {
  Worker* worker = workers_.find(id);
  if (worker == nullptr || worker->phase != Phase::starting) return;
  worker->phase = Phase::idle;
  worker->base = held;
  worker->held = held;
  const Seconds took = std::max(0.0, now - worker->asked);
  start_time_ = base_seen_ ? start_time_ + (took - start_time_) / 4 : took;
  Bytes& base = machine_.worker_base;
  base = base_seen_ && held < base ? base - Bytes{(base - held).value / 8} : held;
  base_seen_ = true;
  beliefs_.limit_unknown(machine_.budget - base);
}

void Scheduler::State::test_started(WorkerId id, TestIndex test, Seconds now) {
  Worker* worker = workers_.find(id);
  if (worker == nullptr || !runs(*worker, test) || standing_[test] != Standing::given) return;
  stand(test, Standing::running);
  worker->running = test;
  worker->running_since = now;
  worker->batch->since = now;
  worker->used = true;
}

void Scheduler::State::test_finished(WorkerId id, TestIndex test, Bytes peak, Bytes held, Seconds now) {
  Worker* worker = workers_.find(id);
  if (worker == nullptr) return;
  const Bytes retained = held - worker->held;
  worker->held = held;
  if (!runs(*worker, test)) return;
  const Seconds began = worker->running == test ? worker->running_since : worker->batch->since;
  worker->used = true;
  worker->batch->left = std::max(0.0, worker->batch->left - beliefs_.duration(test));
  worker->batch->since = now;
  worker->batch->next = std::max(worker->batch->next, order_.place(test) + 1);
  beliefs_.observe(test, peak, retained, now - began);
  stand(test, Standing::settled);
  if (worker->running == test) worker->running.reset();
  if (worker->spoiled && !worker->running) end_batch(*worker);
}

void Scheduler::State::batch_done(WorkerId id, Seconds /*now*/) {
  Worker* worker = workers_.find(id);
  if (worker == nullptr || worker->phase != Phase::busy) return;
  end_batch(*worker);
}

void Scheduler::State::worker_spoiled(WorkerId id, Seconds /*now*/) {
  Worker* worker = workers_.find(id);
  if (worker == nullptr || worker->spoiled) return;
  worker->spoiled = true;
  give_back(*worker, Unfinished::not_started);
  if (!worker->running && worker->batch) {
    worker->batch.reset();
    if (worker->phase == Phase::busy) worker->phase = Phase::idle;
  }
}

void Scheduler::State::run_again(TestIndex test, bool alone) {
  if (test >= standing_.size() || standing_[test] != Standing::settled) return;
  lay_out_tests();
  if (!order_.has(test)) order_.append(test);
  stand(test, Standing::waiting);
  const Place place = order_.place(test);
  const Piece piece{place, place + 1, true, true};
  if (alone) return put_alone(piece);
  put_in_front({piece});
}

std::optional<Requeue> Scheduler::State::worker_gone(WorkerId id, GoneCause cause, std::optional<TestIndex> running,
                                                     Bytes observed_peak, Seconds /*now*/) {
  Worker* worker = workers_.find(id);
  if (worker == nullptr) return std::nullopt;
  std::optional<Requeue> requeue;
  if (running && runs(*worker, *running)) {
    if (cause == GoneCause::crashed) stand(*running, Standing::settled);
    if (cause == GoneCause::killed || cause == GoneCause::kernel) {
      requeue = requeue_killed(*worker, *running, observed_peak);
    }
  }
  give_back(*worker, Unfinished::all);
  workers_.remove(id);
  return requeue;
}

// Afterwards the test is settled, waits in `alone_`, or is still `running`: then it goes back with its batch.
Requeue Scheduler::State::requeue_killed(const Worker& worker, TestIndex test, Bytes observed_peak) {
  const Place place = order_.place(test);
  // In a fresh worker, nothing before it in the batch and nothing beside it.
  if (worker.batch->alone && place == worker.batch->piece.begin) {
    stand(test, Standing::settled);
    return Requeue::over_budget;
  }
  const Bytes learned = learned_peak(observed_peak, beliefs_.peak(test));
  beliefs_.learn_peak(test, learned);
  if (kills_[test] < 2) ++kills_[test];
  if (kills_[test] < 2 && learned + machine_.worker_base <= machine_.budget.scaled(kCloseToBudget)) {
    stand(test, Standing::running);
    return Requeue::again;
  }
  stand(test, Standing::waiting);
  put_alone(Piece{place, place + 1, true, true});
  return Requeue::alone;
}

void Scheduler::State::end_batch(Worker& worker) {
  if (worker.batch) {
    const std::optional<Piece> rest = std::exchange(worker.rest, std::nullopt);
    give_back(worker, Unfinished::all);
    worker.rest = rest;
  }
  worker.batch.reset();
  worker.running.reset();
  worker.phase = Phase::idle;
}

// Puts the unfinished tests of the worker's batch, and the rest of the piece it works on, in front of the queue.
void Scheduler::State::give_back(Worker& worker, Unfinished which) {
  std::vector<Piece> pieces;
  const auto append = [&](const Piece& piece) {
    if (!pieces.empty() && pieces.back().end == piece.begin) {
      pieces.back().end = piece.end;
    } else {
      pieces.push_back(piece);
    }
  };
  if (worker.batch) {
    const Piece& batch = worker.batch->piece;
    bool cut_here = false;  // a killed test comes back in a batch of its own, but groups stay together
    for (Place place = batch.begin; place != batch.end; ++place) {
      const TestIndex test = order_.test(place);
      if (!holds(worker, test)) continue;
      const bool was_running = standing_[test] == Standing::running;
      if (was_running && which == Unfinished::not_started) continue;
      stand(test, Standing::waiting);
      const Piece one{place, place + 1, true, batch.fresh};
      const bool apart = was_running && !whole_groups(dist_);
      if (apart || cut_here) {
        pieces.push_back(one);
      } else {
        append(one);
      }
      cut_here = apart;
    }
    // A single test that was to run alone, and did not get so far.
    if (worker.batch->alone && batch.size() == 1 && pieces.size() == 1) {
      alone_time_ += beliefs_.duration(order_.test(batch.begin));
      alone_.push_front(pieces.front());
      pieces.clear();
    }
  }
  if (worker.rest) append(*worker.rest);
  worker.rest.reset();
  put_in_front(pieces);
}

void Scheduler::State::put_in_front(const std::vector<Piece>& pieces) {
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) queue_.push_front(*piece);
}

void Scheduler::State::put_alone(const Piece& piece) {
  alone_.push_back(piece);
  alone_time_ += measure(order_, beliefs_, piece.begin, piece.end).duration;
}

}  // namespace fittest::plan
