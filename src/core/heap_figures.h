#pragma once
#include <cstdint>
#include <optional>

#include "core/bytes.h"

namespace fittest {

// What a test did to its process's heap, by the tracker's counters. Bytes are those that the allocator set aside.
struct HeapFigures {
  Bytes peak;       // the most that was held in the test, above what was held before it
  Bytes allocated;  // over all, whatever was freed meanwhile
  std::uint64_t allocations = 0;
  // The most its body held of what it allocated itself; of tests that limit it (limit_memory).
  std::optional<Bytes> body_peak = {};
};

}  // namespace fittest
