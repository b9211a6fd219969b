#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "heap/trace/format.h"

namespace fittest::heap {

// What one record did to memory.
struct Step {
  enum class What : std::uint8_t { alloc, free, unmap, other };
  std::uint64_t address;  // other: where in Batch::bytes the record begins
  std::uint64_t size;     // other: its bytes; free: 0
  std::uint32_t stack;
  What what;
  trace::Kind kind;  // free: python_object if of a Python allocator, otherwise heap
  bool sampled;      // free: it is said to be of something temporary
};

// Some thousand records in their order: small enough to stay in a core's cache on the way from the thread that decodes
// them to the one that adds them up.
struct Batch {
  static constexpr std::size_t kSteps = 4096;
  std::vector<Step> steps;
  std::vector<std::byte> bytes;  // records that are no allocations, as they were in their block

  void clear() {
    steps.clear();
    bytes.clear();
  }
};

}  // namespace fittest::heap
