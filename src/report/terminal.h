#pragma once
// The reader of events that talks to a person: first line, progress, notices, summary.
#include <memory>

#include "report/event.h"
#include "report/screen.h"

namespace fittest::report {

class Terminal : public Reader {
 public:
  explicit Terminal(Screen& screen);
  ~Terminal() override;
  void on(const Event& event) override;
  // Estimate for the progress line, from the scheduler.
  void set_time_left(Seconds seconds);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fittest::report
