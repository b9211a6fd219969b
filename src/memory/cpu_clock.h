#pragma once
// How much of a core the calling thread has used.
#include <time.h>

#include <chrono>

namespace fittest::memory {

inline std::chrono::nanoseconds cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace fittest::memory
