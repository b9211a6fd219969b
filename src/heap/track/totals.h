#pragma once
// Everybody's counts: what threads have flushed, without a lock.
#include <atomic>
#include <cstdint>

#include "heap/trace/format.h"

namespace fittest::heap::track {

inline std::uint64_t not_negative(std::int64_t value) {
  return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

struct Totals {
  std::atomic<std::int64_t> live{0};
  std::atomic<std::int64_t> peak{0};         // since the process began
  std::atomic<std::int64_t> recent_peak{0};  // since the last record of the trace that says it
  std::atomic<std::int64_t> test_peak{0};    // since the test or section began
  std::atomic<std::uint64_t> allocated{0};
  std::atomic<std::uint64_t> allocations{0};
  std::atomic<std::uint64_t> frees{0};
  std::atomic<std::int64_t> mapped{0};
  std::atomic<std::uint64_t> mapped_ever{0};
  std::atomic<std::uint64_t> mappings{0};
  std::atomic<std::uint32_t> threads{0};
  std::atomic<std::uint32_t> most_threads{0};

  template <typename T>
  static void raise(std::atomic<T>& most, T value) {
    T seen = most.load(std::memory_order_relaxed);
    while (value > seen && !most.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
  }
  void raise_peaks(std::int64_t value) {
    raise(peak, value);
    raise(recent_peak, value);
    raise(test_peak, value);
  }
  [[nodiscard]] trace::Counters counters(std::int64_t peak_to_say) const {
    return {not_negative(live.load(std::memory_order_relaxed)),
            not_negative(peak_to_say),
            allocated.load(std::memory_order_relaxed),
            allocations.load(std::memory_order_relaxed),
            frees.load(std::memory_order_relaxed),
            not_negative(mapped.load(std::memory_order_relaxed)),
            mappings.load(std::memory_order_relaxed),
            most_threads.load(std::memory_order_relaxed)};
  }
  [[nodiscard]] trace::Counters counters() const { return counters(peak.load(std::memory_order_relaxed)); }
  [[nodiscard]] trace::Counters test_counters() const { return counters(test_peak.load(std::memory_order_relaxed)); }
};

}  // namespace fittest::heap::track
