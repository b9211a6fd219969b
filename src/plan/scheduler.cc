#include "plan/scheduler.h"

#include <algorithm>

#include "plan/scheduler_state.h"

namespace fittest::plan {

Scheduler::State::State(std::vector<TestSpec> tests, const Limits& limits, Dist dist, std::uint64_t seed)
    : specs_(std::move(tests)), limits_(limits), dist_(dist), seed_(seed), beliefs_(specs_) {
  limits_.max_workers = dist == Dist::no ? 1 : std::max(1U, limits.max_workers);
  machine_ = {limits_.budget, limits_.max_workers, limits_.worker_base};
  beliefs_.limit_unknown(machine_.budget - machine_.worker_base);
  standing_.assign(specs_.size(), Standing::waiting);
  holders_.assign(specs_.size(), WorkerId{});
  kills_.assign(specs_.size(), 0);
  pending_ = specs_.size();
  for (TestIndex test = 0; test < specs_.size(); ++test) beliefs_.now_waits(test);
}

Seconds Scheduler::State::time_left(Seconds now) const {
  Seconds running = 0;
  Seconds longest = 0;
  for (const Worker& worker : workers_.all()) {
    if (!worker.batch) continue;
    const Seconds left = worker.phase == Phase::busy ? predicted_end(worker, now) - now : worker.batch->left;
    running += left;
    longest = std::max(longest, left);
  }
  const Seconds shared = std::max(0.0, beliefs_.waiting() - alone_time_) + running;
  return std::max(shared / machine_.workers, longest) + alone_time_;
}

Bytes Scheduler::State::reserved() const {
  Bytes sum;
  for (const Worker& worker : workers_.all()) {
    if (worker.batch) sum += worker.batch->need();
  }
  return sum;
}

Scheduler::Scheduler(std::vector<TestSpec> tests, const Limits& limits, Dist dist, std::uint64_t seed)
    : state_(std::make_unique<State>(std::move(tests), limits, dist, seed)) {}
Scheduler::~Scheduler() = default;
Scheduler::Scheduler(Scheduler&&) noexcept = default;
Scheduler& Scheduler::operator=(Scheduler&&) noexcept = default;

void Scheduler::settle(TestIndex test) {
  state_->settle(test);
}
void Scheduler::worker_started(WorkerId worker, Bytes held, Seconds now) {
  state_->worker_started(worker, held, now);
}
void Scheduler::test_started(WorkerId worker, TestIndex test, Seconds now) {
  state_->test_started(worker, test, now);
}
void Scheduler::test_finished(WorkerId worker, TestIndex test, Bytes peak, Bytes held, Seconds now) {
  state_->test_finished(worker, test, peak, held, now);
}
void Scheduler::batch_done(WorkerId worker, Seconds now) {
  state_->batch_done(worker, now);
}
void Scheduler::worker_spoiled(WorkerId worker, Seconds now) {
  state_->worker_spoiled(worker, now);
}
std::optional<Requeue> Scheduler::worker_gone(WorkerId worker, GoneCause cause, std::optional<TestIndex> running,
                                              Bytes observed_peak, Seconds now) {
  return state_->worker_gone(worker, cause, running, observed_peak, now);
}
void Scheduler::run_again(TestIndex test, bool alone) {
  state_->run_again(test, alone);
}
void Scheduler::budget_changed(Bytes budget_for_workers) {
  state_->budget_changed(budget_for_workers);
}
void Scheduler::set_admission(bool open) {
  state_->set_admission(open);
}
std::vector<Decision> Scheduler::decide(Seconds now) {
  return state_->decide(now);
}
bool Scheduler::finished() const {
  return state_->pending() == 0;
}
std::size_t Scheduler::pending() const {
  return state_->pending();
}
Seconds Scheduler::time_left(Seconds now) const {
  return state_->time_left(now);
}
Bytes Scheduler::reserved() const {
  return state_->reserved();
}

}  // namespace fittest::plan
