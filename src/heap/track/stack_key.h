#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>

#include "heap/track/growing_table.h"
#include "heap/track/python_frames.h"
#include "heap/track/thread_state.h"

namespace fittest::heap::track {

// Room to walk a stack in.
inline constexpr std::size_t kWalkRoom =
    kMostNativeFrames * sizeof(std::uintptr_t) + kMostPythonFrames * sizeof(PythonFrameRef);

// A stack as it was walked, in the thread's own memory, and a hash of it by which it is known from then on: of 64 bits,
// so that among the at most four million stacks of a trace two that fall together are a matter of one in two million.
struct StackKey {
  const std::uintptr_t* native = nullptr;
  std::size_t native_count = 0;
  const PythonFrameRef* python = nullptr;
  std::size_t python_count = 0;
  std::uint64_t hash = 0;

  // 0 for the place of a loop without a frame.
  static std::uint64_t fingerprint(std::uint64_t code) { return code == 0 ? 0 : python_code_fingerprint(code); }

  void make_hash() {
    std::uint64_t sum = native_count + (python_count << 32) + 1;
    for (std::size_t i = 0; i < native_count; ++i) sum = std::rotl(sum ^ native[i], 29) * 0x9E3779B97F4A7C15ULL;
    for (std::size_t i = 0; i < python_count; ++i) {
      // A code object may have been freed and another one made in its place.
      const std::uint64_t place = std::uint64_t{python[i].offset} * 2 + (python[i].entry ? 1 : 0);
      sum = std::rotl(sum ^ python[i].code ^ fingerprint(python[i].code), 29) * 0x9E3779B97F4A7C15ULL;
      sum = std::rotl(sum ^ place, 31) * 0xC2B2AE3D27D4EB4FULL;
    }
    hash = mixed(sum) | 1;
  }
};

}  // namespace fittest::heap::track
