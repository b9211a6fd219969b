#pragma once
// What the tests of the probes do. Not inlined, so that they have frames of their own.
#include <cstddef>
#include <cstdlib>

constexpr std::size_t kMiB = 1 << 20;

[[gnu::noinline]] inline void hold_for_a_moment(std::size_t bytes) {
  void* volatile held = std::malloc(bytes);
  std::free(held);
}

[[gnu::noinline]] inline void lose(std::size_t bytes) {
  void* volatile lost = std::malloc(bytes);
  lost = nullptr;
}
