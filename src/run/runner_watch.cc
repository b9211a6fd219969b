// Memory and patience, looked at fifty times a second.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <chrono>

#include "run/runner.h"

namespace fittest::run {
namespace {

constexpr std::chrono::milliseconds kSamplePeriod{20};
constexpr Bytes kSessionGrowth = MiB(8);
constexpr Seconds kShownSamplePeriod = 0.2;
constexpr Seconds kHistoryPeriod = 1.0;
constexpr Seconds kTracebackPatience = 1;  // for what a test that hangs has to say of itself
constexpr Bytes kSessionChange = MiB(1);

}  // namespace

void Runner::tick() {
  if (phase_ == Phase::over) return;
  sample();
  screen_.tick();
  check_patience();
  if (phase_ == Phase::running && scheduler_) {
    follow_session();
    relieve_pressure();
    pump();
  }
  if (now() - last_flush_ > kHistoryPeriod) {
    ledger_.flush_history();
    last_flush_ = now();
  }
  ticker_.expires_after(kSamplePeriod);
  ticker_.async_wait([this](std::error_code error) {
    if (!error) tick();
  });
}

void Runner::sample() {
  const Seconds at = now();
  const memory::Usage usage = domain_->usage();
  const Seconds passed = at - last_sample_;
  if (passed > 0) {
    const Bytes grown = (usage.held - usage_.held).scaled(1 / passed);
    growth_ = growth_.scaled(0.7) + grown.scaled(0.3);
  }
  last_sample_ = at;
  usage_ = usage;
  peak_ = std::max(peak_, usage.held);
  for (auto& [id, worker] : workers_) {
    worker.usage = worker.domain->usage();
    worker.most_held = std::max(worker.most_held, worker.usage.held);
  }
  if (at - last_shown_sample_ >= kShownSamplePeriod) {
    last_shown_sample_ = at;
    const Bytes reserved = scheduler_ ? scheduler_->reserved() : Bytes{};
    tell(report::Sample{usage.held, reserved, static_cast<unsigned>(workers_.size())});
  }
}

// Sets the limit of the workers, and returns it: the budget without what the session holds, and a little for its growth
// until the next look.
Bytes Runner::leave_room_for_session() {
  const Bytes room = budget_.bytes - session_held_ - std::min(kSessionGrowth, budget_.bytes.scaled(0.02));
  // Where it holds more already, a limit cannot be lowered (v1); the one on the whole run stands.
  (void)domain_->limit_workers(room);
  return room;
}

// The session grows with every report it keeps; what it takes is not there for workers.
void Runner::follow_session() {
  const Bytes held = session_domain_->usage().held;
  if (held - session_held_ < kSessionChange && session_held_ - held < kSessionChange) return;
  session_held_ = held;
  scheduler_->budget_changed(leave_room_for_session());
}

void Runner::relieve_pressure() {
  plan::Snapshot snapshot;
  snapshot.budget = budget_.bytes;
  snapshot.held = usage_.held;
  snapshot.growth = growth_;
  snapshot.enforces = domain_->enforces();
  for (const auto& [id, worker] : workers_) {
    if (worker.killed) continue;
    plan::WorkerSnapshot one;
    one.worker = id;
    one.held = worker.usage.held;
    one.reservation = worker.reservation;
    one.batch_started = worker.batch_started;
    one.test_elapsed = worker.running ? now() - worker.test_started : 0;
    one.running = worker.running.has_value();
    one.frozen = worker.frozen;
    snapshot.workers.push_back(one);
  }
  for (const plan::PressureDecision& decision : pressure_.decide(snapshot)) {
    if (const auto* admission = std::get_if<plan::Admission>(&decision)) {
      scheduler_->set_admission(admission->open);
      // The reader of this says what is held, too.
      tell(report::PressureChanged{admission->open ? "starting tests again" : "starting nothing new"});
    } else if (const auto* frozen = std::get_if<plan::Freeze>(&decision)) {
      if (RunningWorker* worker = workers_.find(frozen->worker)) freeze(*worker);
    } else if (const auto* thawed = std::get_if<plan::Thaw>(&decision)) {
      if (RunningWorker* worker = workers_.find(thawed->worker)) thaw(*worker);
    } else if (const auto* killed = std::get_if<plan::Kill>(&decision)) {
      if (RunningWorker* worker = workers_.find(killed->worker)) {
        tell(report::PressureChanged{fmt::format("ended worker gw{}: {}", worker->slot, killed->why)});
        kill(*worker, KilledFor::pressure);
      }
    }
  }
}

void Runner::freeze(RunningWorker& worker) {
  if (worker.frozen || worker.killed) return;
  if (auto done = worker.domain->freeze(); !done) {
    tell(report::Notice{done.error().text()});
    (void)worker.domain->thaw();
    return;
  }
  worker.frozen = true;
  worker.frozen_at = now();
  tell(report::PressureChanged{fmt::format("paused worker gw{} ({})", worker.slot, format_bytes(worker.usage.held))});
}

void Runner::thaw(RunningWorker& worker) {
  if (!worker.frozen) return;
  worker.frozen = false;
  const Seconds paused = now() - worker.frozen_at;
  worker.test_started += paused;  // the test's time stood still
  if (worker.kill_at) *worker.kill_at += paused;
  if (auto done = worker.domain->thaw(); !done) tell(report::Notice{done.error().text()});
  tell(report::PressureChanged{fmt::format("worker gw{} goes on", worker.slot)});
}

void Runner::check_patience() {
  for (auto& [id, worker] : workers_) {
    if (worker.frozen) continue;
    if (worker.kill_at && now() > *worker.kill_at) {
      worker.kill_at.reset();
      if (!worker.killed && worker.retiring) {
        tell(report::Notice{fmt::format("worker gw{} did not end by itself and was killed", worker.slot)});
      }
      kill(worker, worker.killed.value_or(KilledFor::stop));
      continue;
    }
    // Between two tests of a batch, fixtures of a wider scope are torn down: that may hang as well.
    const bool between = worker.ready && !worker.running && !worker.batch.empty();
    const Seconds since = worker.running ? worker.test_started : std::max(worker.batch_started, worker.last_test_ended);
    const bool too_long =
        options_.test_timeout && (worker.running || between) && now() - since > *options_.test_timeout;
    if (!too_long || worker.killed) continue;
    if (between) {
      tell(report::Notice{fmt::format("worker gw{} tore down fixtures for more than {:g} s and was ended", worker.slot,
                                      *options_.test_timeout)});
    }
    worker.killed = KilledFor::timeout;
    // pytest's fault handler prints where all threads are before the process dies of it.
    ::kill(worker.pid, SIGABRT);
    worker.kill_at = now() + kTracebackPatience;
  }
}

}  // namespace fittest::run
