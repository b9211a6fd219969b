#include "report/output.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

namespace fittest::report {
namespace {

// SIGPIPE held back in this thread, and a new one thrown away: what the process does with the signal is not ours to
// set.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec at_once{};
    if (!was_pending_) {
      while (sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

// A pipe that says it is writable takes this much without blocking.
constexpr std::size_t kPiece = PIPE_BUF;

}  // namespace

void Output::write(std::string_view bytes) {
  while (!bytes.empty() && !broken_) {
    const std::size_t some = std::min(bytes.size(), kMostWaiting);
    waiting_ += bytes.substr(0, some);
    bytes.remove_prefix(some);
    pump();
    drain_to(kMostWaiting, Wait::yes);
  }
}

void Output::pump() {
  drain_to(0, Wait::no);
}

void Output::flush() {
  drain_to(0, Wait::yes);
}

void Output::drain_to(std::size_t most, Wait wait) {
  if (waiting() <= most || broken_) return;
  const NoPipeSignal guard;
  while (waiting() > most && !broken_ && write_some(wait)) {
  }
  if (sent_ == waiting_.size() || broken_) {
    waiting_.clear();
    sent_ = 0;
  } else if (sent_ > kMostWaiting / 2) {
    waiting_.erase(0, sent_);
    sent_ = 0;
  }
}

bool Output::write_some(Wait wait) {
  pollfd ready{fd_, POLLOUT, 0};
  const int found = ::poll(&ready, 1, wait == Wait::yes ? -1 : 0);
  if (found < 0 && errno == EINTR) return true;
  if (found == 0) return false;
  const std::size_t piece = std::min(waiting(), kPiece);
  const ssize_t done = ::write(fd_, waiting_.data() + sent_, piece);
  if (done >= 0) {
    sent_ += static_cast<std::size_t>(done);
    return true;
  }
  if (errno == EINTR) return true;
  if (errno == EAGAIN) return wait == Wait::yes;
  if (errno == ENOSPC || errno == EDQUOT) {
    sent_ += piece;  // this piece is lost; there may be room for the next
    return true;
  }
  broken_ = true;
  return false;
}

}  // namespace fittest::report
