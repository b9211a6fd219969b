#pragma once
// The reader of events that talks to a person: first line, progress, notices, summary.
#include <memory>

#include "report/event.h"
#include "report/screen.h"

namespace fittest::report {

// Keeps of 100,000 tests one byte each, and the few that are worth showing. The screen is the caller's and outlives it.
// On a terminal the progress line follows every sample and verdict, ten times a second at most; otherwise a line comes
// when a tenth more of the tests is done and 30 s have passed since the last, or after 5 min without one.
class Terminal : public Reader {
 public:
  explicit Terminal(Screen& screen);
  ~Terminal() override;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  void on(const Event& event) override;
  // Estimate for the progress line, from the scheduler.
  void set_time_left(Seconds seconds);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fittest::report
