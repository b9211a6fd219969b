// Ends before the last test: Ctrl-C, SIGTERM, --maxfail, a test that calls for it.
#include <signal.h>

#include <chrono>

#include "run/runner.h"

namespace fittest::run {
namespace {

constexpr Seconds kStopPatience = 10;  // for the teardown of session fixtures while the user waits

}  // namespace

void Runner::on_signal() {
  if (interrupted_) {  // the second one: at once
    kill_everything();
    return;
  }
  interrupted_ = true;
  tell(report::Notice{"interrupted: ending the tests that run, then the summary; once more ends at once"});
  signals_.async_wait([this](std::error_code error, int) {
    if (!error) on_signal();
  });
  const suite::Finish how{suite::Finish::Kind::interrupted, "interrupted", {}};
  if (phase_ == Phase::collecting || observed_) {
    finish_ = how;
    phase_ = Phase::stopping;
    ::kill(suite_->session(), SIGINT);  // pytest knows what to do
    return;
  }
  if (phase_ == Phase::finishing) {
    ::kill(suite_->session(), SIGINT);
    return;
  }
  stop(how);
}

void Runner::stop_requested(const suite::StopRequest& request) {
  suite::Finish how;
  how.message = request.message;
  how.exit_code = request.exit_code;
  switch (request.kind) {
    case suite::StopRequest::Kind::maxfail:
      how.kind = suite::Finish::Kind::stopped;
      break;
    case suite::StopRequest::Kind::exit:
      how.kind = suite::Finish::Kind::exit;
      break;
    case suite::StopRequest::Kind::interrupt:
      how.kind = suite::Finish::Kind::interrupted;
      break;
  }
  stop(how);
}

void Runner::stop(const suite::Finish& how) {
  if (phase_ != Phase::running) return;
  phase_ = Phase::stopping;
  phase_stopped_ = true;
  finish_ = how;
  for (auto& [id, worker] : workers_) {
    if (worker.killed) continue;
    if (worker.frozen) thaw(worker);
    if (!worker.ready) continue;  // `worker_ready` retires it
    if (worker.running || !worker.batch.empty()) suite_->interrupt(id);
    worker.retiring = true;
    worker.ended_because = "the run stops";
    worker.kill_at = now() + kStopPatience;
    suite_->retire(id);
  }
  finish_if_done();
}

// The last resort: what the run started is killed, the session with it; `ended` comes of that.
void Runner::kill_everything() {
  phase_ = Phase::stopping;
  for (auto& [id, worker] : workers_) (void)worker.domain->kill_all();
  (void)session_domain_->kill_all();
}

}  // namespace fittest::run
