#include "plan/reserve.h"

#include <gtest/gtest.h>

namespace fittest::plan {
namespace {

TEST(Reserve, IsNeededByATestThatIsKnownNotToFit) {
  Limits limits;
  limits.budget = MiB(1000);
  limits.worker_base = MiB(10);
  EXPECT_TRUE(needs_reserve({MiB(990), 1, true, {}}, limits));
  EXPECT_TRUE(needs_reserve({MiB(5000), 1, true, {}}, limits));
  EXPECT_FALSE(needs_reserve({MiB(900), 1, true, {}}, limits));
  EXPECT_FALSE(needs_reserve({MiB(5000), 1, false, {}}, limits)) << "a guess";
}

TEST(Reserve, IsNeededByATestThatWasKilledWithNearlyAll) {
  EXPECT_TRUE(needs_reserve(Requeue::over_budget, MiB(1), MiB(1000)));
  EXPECT_TRUE(needs_reserve(Requeue::alone, MiB(960), MiB(1000)));
  EXPECT_FALSE(needs_reserve(Requeue::alone, MiB(900), MiB(1000)));
  EXPECT_FALSE(needs_reserve(Requeue::again, MiB(999), MiB(1000)));
}

}  // namespace
}  // namespace fittest::plan
