#include "cluster/interruption.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>

namespace fittest::cluster {

Result<Interruption> Interruption::watch() {
  sigset_t both, before;
  ::sigemptyset(&both);
  ::sigaddset(&both, SIGINT);
  ::sigaddset(&both, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &both, &before);
  Descriptor signals(::signalfd(-1, &both, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) {
    const int code = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return system_failure(code, "cannot listen for Ctrl-C", "signalfd");
  }
  return Interruption(std::move(signals), before);
}

Interruption::~Interruption() {
  if (signals_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Interruption::Woken Interruption::wait(const Descriptor& descriptor, Seconds longest) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(longest);
  for (;;) {
    std::array<pollfd, 2> watched = {{{signals_.get(), POLLIN, 0}, {descriptor ? descriptor.get() : 0, POLLIN, 0}}};
    const double left = std::chrono::duration<double>(end - Clock::now()).count();
    const int ready =
        ::poll(watched.data(), descriptor ? 2 : 1, left <= 0 ? 0 : static_cast<int>(std::ceil(left * 1000)));
    if (ready < 0 && errno != EINTR) return Woken::time;
    if (watched[0].revents != 0) {
      signalfd_siginfo signal{};
      (void)!::read(signals_.get(), &signal, sizeof signal);
      return Woken::signal;
    }
    if (ready > 0) return Woken::readable;
    if (left <= 0) return Woken::time;
  }
}

}  // namespace fittest::cluster
