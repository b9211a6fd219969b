// A program without a framework: the argument says how much its only body holds.
#include <fittest/limits.h>

#include <cstdio>

#include "bodies.h"

int main(int, char** arguments) {
  {
    FITTEST_LIMIT_MEMORY("2 MB");
    hold_for_a_moment(std::strtoull(arguments[1], nullptr, 10));
  }
  std::puts("went on");
  return 0;
}
