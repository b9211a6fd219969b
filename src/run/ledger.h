#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/verdict.h"
#include "history/store.h"
#include "plan/bound.h"
#include "report/event.h"
#include "run/report_store.h"

namespace fittest::run {

// The run's memory of its tests: every verdict passes through here once, on its way to the readers of events, to the
// history and to the store of reports. Makes sure that no test gets two.
class Ledger {
 public:
  void add_reader(report::Reader& reader) { readers_.push_back(&reader); }
  void keep_reports(ReportWriter writer) { reports_ = std::move(writer); }
  void keep_history(history::Store& store, std::int64_t run) {
    history_ = &store;
    history_run_ = run;
  }
  void expect(std::size_t tests) { verdicts_.assign(tests, Verdict::not_run); }

  void tell(Seconds now, report::Payload payload);

  // A test's one verdict. A second one for the same test is a bug, and throws std::logic_error.
  // `report`: the framework's, kept for --resume.
  void settle(Seconds now, report::TestFinished finished, std::string_view report);
  // The test was killed when it held this much, and is run again: the next run shall know, whatever becomes of this
  // one.
  void learn(std::string id, Bytes at_least);
  // The verdict changes after all: its fixtures failed on their way out.
  void amend(Seconds now, report::TestAmended amended);

  [[nodiscard]] bool is_settled(TestIndex test) const { return verdicts_[test] != Verdict::not_run; }
  [[nodiscard]] std::size_t settled() const { return settled_; }
  [[nodiscard]] bool any_failure() const { return failures_ > 0; }
  [[nodiscard]] const std::vector<plan::Measured>& measured() const { return measured_; }

  // What tests took that ended by themselves, in the order of their ends.
  [[nodiscard]] const std::vector<std::pair<TestIndex, Seconds>>& durations() const { return durations_; }

  // Hands what has come together to the history.
  void flush_history();

 private:
  std::vector<report::Reader*> readers_;
  std::optional<ReportWriter> reports_;
  history::Store* history_ = nullptr;
  std::int64_t history_run_ = 0;
  std::vector<history::Outcome> outcomes_;
  std::vector<Verdict> verdicts_;
  std::vector<plan::Measured> measured_;
  std::vector<std::pair<TestIndex, Seconds>> durations_;
  std::size_t settled_ = 0;
  std::size_t failures_ = 0;
};

}  // namespace fittest::run
