// A library that the probe loads, calls and unloads.
#include <cstdlib>

extern "C" void* plugin_allocates(std::size_t size) {
  void* at = std::malloc(size);
  asm volatile("" : : "r"(at) : "memory");
  return at;
}
