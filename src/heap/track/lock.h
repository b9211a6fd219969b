#pragma once
#include <linux/futex.h>

#include <atomic>

#include "heap/track/pages.h"

namespace fittest::heap::track {

// A lock of one word that needs no set-up and no memory, and can be made new in a forked child. After Drepper, "Futexes
// Are Tricky" (mutex 2): 0 free, 1 held, 2 held and waited for.
class Lock {
 public:
  void lock() {
    int seen = 0;
    if (state_.compare_exchange_strong(seen, 1, std::memory_order_acquire)) return;
    for (int spin = 0; spin < 100; ++spin) {
      seen = 0;
      if (state_.load(std::memory_order_relaxed) == 0 &&
          state_.compare_exchange_strong(seen, 1, std::memory_order_acquire)) {
        return;
      }
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    while (state_.exchange(2, std::memory_order_acquire) != 0) {
      system_call(SYS_futex, reinterpret_cast<long>(&state_), FUTEX_WAIT_PRIVATE, 2);
    }
  }
  void unlock() {
    if (state_.exchange(0, std::memory_order_release) == 2) {
      system_call(SYS_futex, reinterpret_cast<long>(&state_), FUTEX_WAKE_PRIVATE, 1);
    }
  }
  // Only where no other thread exists.
  void make_new() {
    state_.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<int> state_{0};
};

class Locked {
 public:
  explicit Locked(Lock& lock) : lock_(lock) { lock_.lock(); }
  ~Locked() { lock_.unlock(); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Lock& lock_;
};

}  // namespace fittest::heap::track
