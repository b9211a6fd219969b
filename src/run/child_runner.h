#pragma once
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <optional>

#include "core/error.h"
#include "core/exit_status.h"
#include "core/ids.h"
#include "suite/process.h"

namespace fittest::run {

// How a child ended.
struct ChildEnd {
  ExitStatus status;
  Seconds took = 0;
  bool timed_out = false;
};

// Runs other fittests, one at a time, each with all that it starts apart from the next: when `run` returns, no process
// of the child lives on (one that is killed leaves that to its guard, which is waited for).
//
// While it exists, Ctrl-C and SIGTERM are its to hear: each is handed to the child as the SIGINT that ends a run in
// order; the third kills it. A child that takes too long is interrupted likewise, and killed in the end.
class ChildRunner {
 public:
  // How long the child is waited for after the first SIGINT, then after the second.
  struct Patience {
    Seconds first = 20;
    Seconds second = 5;
  };

  explicit ChildRunner(const Patience& patience);
  ChildRunner(const ChildRunner&) = delete;
  ChildRunner& operator=(const ChildRunner&) = delete;

  // Errors: it could not be started.
  Result<ChildEnd> run(suite::ProcessOrder order, std::optional<Seconds> timeout);

  // Whether Ctrl-C or SIGTERM came, in `run` or between two of them.
  [[nodiscard]] bool interrupted();

 private:
  void listen();
  void on_signal(int number);
  void interrupt();
  void reap();
  void wait_for_remains();
  void after(Seconds span, void (ChildRunner::*what)());
  void on_timeout();
  void stop() { loop_.stop(); }

  Patience patience_;
  asio::io_context loop_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
  bool interrupted_ = false;
  std::optional<suite::Process> child_;  // while it lives
  unsigned interrupts_ = 0;              // that the child was sent
  ChildEnd end_;
};

}  // namespace fittest::run
