#include "plan/packing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "plan/bound.h"

namespace fittest::plan {
namespace {

std::vector<std::uint32_t> in_order(std::size_t count) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  return order;
}

TEST(Packing, CountsWhatFitsAtOnce) {
  const std::vector<Load> loads(4, {MiB(400), 1});
  EXPECT_DOUBLE_EQ(packed_makespan(loads, in_order(4), {GiB(1), 4, {}, 0}), 2);
  EXPECT_DOUBLE_EQ(packed_makespan(loads, in_order(4), {GiB(1), 4, MiB(200), 0}), 4) << "the bases count";
  EXPECT_DOUBLE_EQ(packed_makespan(loads, in_order(4), {GiB(1), 4, {}, 4}), 2) << "two cores are free for others";
  EXPECT_DOUBLE_EQ(packed_makespan(loads, in_order(4), {GiB(1), 4, {}, 8}), 3);
}

TEST(Packing, ImprovesABadOrderAndNeverMakesOneWorse) {
  // The long one last: 3 s; first: 2 s.
  const std::vector<Load> loads = {{MiB(1), 1}, {MiB(1), 1}, {MiB(1), 2}};
  const PackingRoom room{GiB(1), 2, {}, 0};
  EXPECT_DOUBLE_EQ(packed_makespan(loads, in_order(3), room), 3);
  EXPECT_DOUBLE_EQ(packed_makespan(loads, improved_order(loads, in_order(3), room, 0), room), 2);

  double gained = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<Load> many;
    std::vector<Measured> measured;
    for (int i = 0; i < 30; ++i) {
      many.push_back({MiB(random() % 700), 0.1 * static_cast<double>(1 + random() % 50)});
      measured.push_back({many.back().need, many.back().duration});
    }
    const PackingRoom some{GiB(1), 1 + static_cast<unsigned>(random() % 8), MiB(10),
                           static_cast<double>(random() % 20)};
    std::vector<std::uint32_t> order = improved_order(many, in_order(30), some, seed);
    EXPECT_EQ(order, improved_order(many, in_order(30), some, seed));
    const Seconds before = packed_makespan(many, in_order(30), some);
    const Seconds after = packed_makespan(many, order, some);
    EXPECT_LE(after, before);
    EXPECT_GE(after, lower_bound(measured, some.workers, some.budget).value() - 1e-9);
    gained += before - after;
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, in_order(30));
  }
  EXPECT_GT(gained, 0);
}

}  // namespace
}  // namespace fittest::plan
