#include "run/ledger.h"

#include <stdexcept>
#include <utility>

namespace fittest::run {
namespace {

bool ended_by_itself(Verdict verdict) {
  return verdict != Verdict::timed_out && verdict != Verdict::crashed && verdict != Verdict::over_budget &&
         verdict != Verdict::not_run;
}

}  // namespace

void Ledger::tell(Seconds now, report::Payload payload) {
  const report::Event event{now, std::move(payload)};
  for (report::Reader* reader : readers_) reader->on(event);
}

void Ledger::settle(Seconds now, report::TestFinished finished, std::string_view report) {
  if (is_settled(finished.test)) throw std::logic_error("a second verdict for " + finished.id);
  verdicts_[finished.test] = finished.verdict;
  if (finished.verdict == Verdict::not_run) {
    tell(now, std::move(finished));
    return;
  }
  ++settled_;
  if (is_failure(finished.verdict)) ++failures_;
  if (reports_ && !report.empty()) reports_->add(finished.id, report);
  if (history_ != nullptr) {
    outcomes_.push_back({finished.id, finished.verdict, finished.peak, finished.at_least,
                         finished.retained.value_or(Bytes{}), finished.duration, finished.heap});
  }
  if (ended_by_itself(finished.verdict)) durations_.emplace_back(finished.test, finished.duration);
  measured_.push_back({finished.peak.value_or(finished.at_least.value_or(Bytes{})), finished.duration});
  tell(now, std::move(finished));
}

void Ledger::learn(std::string id, Bytes at_least) {
  if (history_ != nullptr) outcomes_.push_back({std::move(id), Verdict::not_run, {}, at_least, {}, 0});
}

void Ledger::amend(Seconds now, report::TestAmended amended) {
  if (!is_failure(verdicts_[amended.test]) && is_failure(amended.verdict)) ++failures_;
  verdicts_[amended.test] = amended.verdict;
  tell(now, std::move(amended));
}

void Ledger::flush_history() {
  if (history_ == nullptr || outcomes_.empty()) return;
  history_->record(history_run_, outcomes_);
  outcomes_.clear();
}

}  // namespace fittest::run
