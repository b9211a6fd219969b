#include "run/child_runner.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <utility>

namespace fittest::run {
namespace {

// For a guard to kill what its fittest left, and to remove the cgroups.
constexpr Seconds kPatienceWithRemains = 10;

Seconds now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

ChildRunner::ChildRunner(const Patience& patience)
    : patience_(patience), signals_(loop_, SIGINT, SIGTERM, SIGCHLD), timer_(loop_) {
  // Where a window's size reaches nobody else: the child has a session of its own.
  signals_.add(SIGWINCH);
  // What a killed child leaves behind becomes ours, so that its end can be waited for.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  listen();
}

void ChildRunner::listen() {
  signals_.async_wait([this](std::error_code error, int number) {
    if (error) return;
    listen();
    on_signal(number);
  });
}

bool ChildRunner::interrupted() {
  loop_.restart();
  loop_.poll();
  return interrupted_;
}

Result<ChildEnd> ChildRunner::run(suite::ProcessOrder order, std::optional<Seconds> timeout) {
  order.own_session = true;
  order.ends_with_fittest = true;
  end_ = {};
  interrupts_ = 0;
  const Seconds begin = now();
  auto child = suite::start_process(order);
  if (!child) return tl::unexpected(child.error());
  child_ = std::move(*child);
  if (timeout) after(*timeout, &ChildRunner::on_timeout);
  loop_.restart();
  loop_.run();
  end_.took = now() - begin;
  if (end_.status.by_signal()) wait_for_remains();
  return end_;
}

void ChildRunner::on_signal(int number) {
  if (number == SIGCHLD) {
    reap();
  } else if (number == SIGWINCH) {
    if (child_) ::kill(child_->pid, SIGWINCH);
  } else {
    interrupted_ = true;
    interrupt();
  }
}

void ChildRunner::on_timeout() {
  end_.timed_out = true;
  interrupt();
}

// The first ends the child in order, the second at once; then it is killed, and its guard does the rest.
void ChildRunner::interrupt() {
  if (!child_) return;
  ++interrupts_;
  ::kill(child_->pid, interrupts_ > 2 ? SIGKILL : SIGINT);
  if (!end_.timed_out) return;  // who interrupts it by hand decides how long to wait
  if (interrupts_ == 1) after(patience_.first, &ChildRunner::interrupt);
  if (interrupts_ == 2) after(patience_.second, &ChildRunner::interrupt);
}

void ChildRunner::after(Seconds span, void (ChildRunner::*what)()) {
  timer_.expires_after(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(span)));
  timer_.async_wait([this, what](std::error_code error) {
    if (!error) (this->*what)();
  });
}

void ChildRunner::reap() {
  int status = 0;
  while (true) {
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0 && errno == ECHILD && !child_) loop_.stop();  // nothing is left, of the child or of others
    if (pid <= 0) return;
    if (!child_ || pid != child_->pid) continue;
    end_.status = ExitStatus(status);
    child_.reset();
    timer_.cancel();
    loop_.stop();
  }
}

void ChildRunner::wait_for_remains() {
  after(kPatienceWithRemains, &ChildRunner::stop);
  loop_.restart();
  reap();
  if (!loop_.stopped()) loop_.run();
  timer_.cancel();
}

}  // namespace fittest::run
