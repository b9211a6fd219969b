#pragma once
#include <csignal>

#include "core/descriptor.h"
#include "core/error.h"
#include "core/ids.h"

namespace fittest::cluster {

// Ctrl-C and SIGTERM as something that is asked for, not something that happens: while there is one of these, the two
// signals end nothing. One at a time.
class Interruption {
 public:
  static Result<Interruption> watch();
  Interruption(Interruption&&) = default;
  Interruption& operator=(Interruption&&) = delete;
  ~Interruption();

  // Waits until `descriptor` can be read, a signal has come, or the time is over.
  enum class Woken { readable, signal, time };
  Woken wait(const Descriptor& descriptor, Seconds longest);
  // True if a signal has come.
  bool wait(Seconds longest) { return wait(Descriptor(), longest) == Woken::signal; }

 private:
  Interruption(Descriptor signals, const sigset_t& before) : signals_(std::move(signals)), before_(before) {}
  Descriptor signals_;  // a signalfd
  sigset_t before_;
};

}  // namespace fittest::cluster
