// The same with Catch2.
#define CATCH_CONFIG_MAIN
#include <fittest/limits.h>

#include <catch2/catch.hpp>

#include "bodies.h"

TEST_CASE("within") {
  FITTEST_LIMIT_MEMORY("2 MB");
  hold_for_a_moment(kMiB);
}
TEST_CASE("over") {
  FITTEST_LIMIT_MEMORY("2 MB");
  hold_for_a_moment(3 * kMiB);
}
