#include "memory/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace fittest::memory {
namespace {

using ::testing::HasSubstr;

MemoryLimits machine() {
  MemoryLimits limits;
  limits.mem_total = GiB(16);
  limits.mem_available = GiB(12);
  return limits;
}

Budget choose(const MemoryLimits& limits, const std::optional<std::string>& asked = {}) {
  auto budget = choose_budget(limits, asked);
  if (!budget) throw std::runtime_error(budget.error().text());
  return std::move(*budget);
}

std::string refusal(const MemoryLimits& limits, const std::optional<std::string>& asked = {}) {
  const auto budget = choose_budget(limits, asked);
  return budget ? "accepted: " + format_bytes(budget->bytes) : budget.error().text();
}

TEST(Budget, IsWhatIsAvailableLessAReserve) {
  const Budget budget = choose(machine());
  EXPECT_EQ(budget.source, "MemAvailable");
  EXPECT_EQ(budget.reserve, GiB(12).scaled(0.05));
  EXPECT_EQ(budget.bytes, GiB(12) - budget.reserve);
}

TEST(Budget, ReserveHasALeastAndAMost) {
  MemoryLimits limits = machine();
  limits.mem_available = GiB(1);
  EXPECT_EQ(choose(limits).reserve, MiB(128));
  limits.mem_total = limits.mem_available = GiB(512);
  EXPECT_EQ(choose(limits).reserve, GiB(1));
}

TEST(Budget, LendsAllOfTheReserveButItsLeast) {
  MemoryLimits limits = machine();
  limits.mem_total = limits.mem_available = GiB(24);
  EXPECT_EQ(lendable(choose(limits)), GiB(1) - MiB(128));
  limits.mem_available = GiB(2);
  EXPECT_EQ(lendable(choose(limits)), Bytes{}) << "the reserve is at its least";
  limits.mem_available = GiB(200);
  EXPECT_EQ(lendable(choose(limits)), Bytes{}) << "too little to matter";
  EXPECT_EQ(lendable(choose(limits, "4G")), Bytes{}) << "what the user named stands";
  EXPECT_EQ(lendable(choose(limits, "50%")), Bytes{});
}

TEST(Budget, TheTightestCgroupsFreeRoomCounts) {
  MemoryLimits limits = machine();
  limits.cgroups = {{GiB(4), "cgroup v2 /a/b memory.max", GiB(1)}, {GiB(6), "cgroup v2 /a memory.max", GiB(4)}};
  EXPECT_EQ(choose(limits).source, "cgroup v2 /a memory.max");
  EXPECT_EQ(choose(limits).bytes, GiB(2) - MiB(128));
}

TEST(Budget, WithoutOvercommitTheCommitLimitCounts) {
  MemoryLimits limits = machine();
  limits.overcommit_memory = 2;
  limits.commit_left = GiB(3);
  EXPECT_EQ(choose(limits).source, "CommitLimit - Committed_AS (overcommit_memory is 2)");
}

TEST(Budget, AskedForAsASizeIsTakenAsItIs) {
  const Budget budget = choose(machine(), "4G");
  EXPECT_EQ(budget.bytes, GiB(4));
  EXPECT_EQ(budget.reserve, Bytes{});
  EXPECT_EQ(budget.source, "--budget 4G");
  EXPECT_EQ(choose(machine(), "64M").bytes, MiB(64)) << "the smallest";
  EXPECT_EQ(choose(machine(), "16G").bytes, GiB(16)) << "more than is free, but the machine has it";
}

TEST(Budget, AskedForAsAShareIsOfWhatIsFree) {
  EXPECT_EQ(choose(machine(), "75%").bytes, GiB(9));
  EXPECT_EQ(choose(machine(), "75%").reserve, Bytes{});
  EXPECT_EQ(choose(machine(), "75%").source, "--budget 75% of 12 GiB, MemAvailable");
  EXPECT_EQ(choose(machine(), "12.5 %").bytes, GiB(12).scaled(0.125));
  EXPECT_EQ(choose(machine(), "100%").bytes, GiB(12));
}

TEST(Budget, RefusalsSayWhatWhereAndWhatToDo) {
  EXPECT_EQ(refusal(machine(), "0"),
            "--budget 0: a budget of 0 B is too small: the smallest is 64 MiB\n"
            "  -> ask for more, for example --budget 512M");
  EXPECT_EQ(refusal(machine(), "63M"),
            "--budget 63M: a budget of 63 MiB is too small: the smallest is 64 MiB\n"
            "  -> ask for more, for example --budget 512M");
  EXPECT_EQ(refusal(machine(), "10T"),
            "--budget 10T: the budget asked for, 10 TiB, is more than the 16 GiB that MemTotal allows here\n"
            "  -> ask for less, raise that limit, or leave --budget out to use what is free");
  EXPECT_EQ(refusal(machine(), "4X"),
            "--budget 4X: '4X' is no size: unknown unit 'x'\n"
            "  -> write for example --budget 4G, --budget 512M or --budget 75%");
  EXPECT_EQ(refusal(machine(), "half%"),
            "--budget half%: not a share of the memory\n"
            "  -> write for example --budget 75%");
  EXPECT_EQ(refusal(machine(), "0%"),
            "--budget 0%: a share of the memory must be over 0 % and at most 100 %\n"
            "  -> write for example --budget 75%");
  EXPECT_EQ(refusal(machine(), "0.1%"),
            "--budget 0.1% of 12 GiB (MemAvailable): a budget of 12 MiB is too small: the smallest is 64 MiB\n"
            "  -> free some memory, raise that limit, or ask for a larger share");
  MemoryLimits tight = machine();
  tight.cgroups = {{GiB(1), "cgroup v2 /a memory.max", MiB(900)}};
  EXPECT_EQ(refusal(tight),
            "cgroup v2 /a memory.max leaves 124 MiB, less a reserve of 128 MiB: a budget of 0 B is too small: the "
            "smallest is 64 MiB\n"
            "  -> free some memory, raise that limit, or name a budget with --budget");
  EXPECT_EQ(refusal(tight, "2G"),
            "--budget 2G: the budget asked for, 2.0 GiB, is more than the 1.0 GiB that cgroup v2 /a memory.max allows "
            "here\n"
            "  -> ask for less, raise that limit, or leave --budget out to use what is free");
}

TEST(Budget, NoTextIsTakenThatIsNoSizeAndNoShare) {
  for (const char* text : {"", " ", "%", "%%", "75%%", "%75", "7 5%", "-5%", "nan%", "inf%", "1e9%", "101%", "G", "-4G",
                           "4GG", "0x10", "99999P", "4G 5"}) {
    EXPECT_THAT(refusal(machine(), text), HasSubstr("--budget")) << text;
  }
}

// Whatever the machine: a budget is never more than any limit leaves free, and every refusal has a way out.
TEST(Budget, HoldsItsPromiseOnAnyMachine) {
  std::mt19937_64 random(7);
  const auto amount = [&] { return Bytes{random() >> (random() % 20 + 18)}; };  // 64 TiB and less
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    MemoryLimits limits;
    limits.mem_total = amount();
    limits.mem_available = std::min(amount(), limits.mem_total);
    for (std::uint64_t n = random() % 4; n > 0; --n) limits.cgroups.push_back({amount(), "cgroup", amount()});
    if (random() % 4 == 0) limits.commit_left = amount();
    Bytes free = limits.mem_available;
    for (const Limit& cgroup : limits.cgroups) free = std::min(free, cgroup.bytes - cgroup.used);
    if (limits.commit_left) free = std::min(free, *limits.commit_left);

    const auto budget = choose_budget(limits, std::nullopt);
    if (!budget) {
      EXPECT_LT(free, MiB(64) + std::clamp(free.scaled(0.05), MiB(128), GiB(1)));
      EXPECT_FALSE(budget.error().remedy.empty());
      continue;
    }
    ++accepted;
    EXPECT_GE(budget->bytes, MiB(64));
    EXPECT_LE(budget->bytes + budget->reserve, free);
    EXPECT_GE(budget->reserve, MiB(128));
    const auto half = choose_budget(limits, "50%");
    EXPECT_TRUE(!half || half->bytes <= free);
    // More room never means a smaller budget.
    MemoryLimits roomier = limits;
    if (!roomier.cgroups.empty()) roomier.cgroups.front().used = Bytes{};
    EXPECT_GE(choose(roomier).bytes, budget->bytes);
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace fittest::memory
