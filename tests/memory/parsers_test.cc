// The parsers of kernel files: what they read, and that no garbage harms them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "memory/cgroup_files.h"
#include "memory/cgroup_place.h"
#include "memory/domain_name.h"
#include "memory/proc_members.h"
#include "memory/process_table.h"
#include "memory/working_set.h"
#include "mutate.h"

namespace fittest::memory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kStat =
    "4711 (a (bad) name) S 12 4711 4000 0 -1 4194304 121 0 0 0 1 2 0 0 20 0 1 0 987654 12345678 321 184467440737 1 1 0 "
    "0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n";
constexpr std::string_view kMountinfo =
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "35 31 0:32 /docker/a\\040b /sys/fs/cgroup/memory rw,nosuid shared:7 master:1 - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr std::string_view kOwnCgroup = "6:freezer:/f\n4:memory,hugetlb:/a:b/c\n0::/user.slice\n";
constexpr std::string_view kSmaps =
    "55d0c0000000-7ffd00000000 ---p 00000000 00:00 0                          [rollup]\n"
    "Rss:                2048 kB\nPss:                1024 kB\nPss_Dirty:           100 kB\n"
    "Private_Clean:       300 kB\nPrivate_Dirty:       500 kB\nSwapPss:              16 kB\n";
constexpr std::string_view kMemoryStat =
    "anon 1\ninactive_file 500\nactive_file 300\nfile_mapped 200\ntotal_inactive_file 50\ntotal_active_file 30\n"
    "total_mapped_file 20\n";

TEST(Parsers, Numbers) {
  EXPECT_EQ(parse_number("12\n"), 12u);
  EXPECT_EQ(parse_number("  18446744073709551615 "), 18446744073709551615u);
  for (const char* text : {"", "\n", "max", "-1", "+1", "1 2", "1x", "0x1", "18446744073709551616"}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
}

TEST(Parsers, KeysAreWholeWordsAtTheStartOfALine) {
  constexpr std::string_view kText = "file 1\ninactive_file 2\nfile_mapped 3\nlast 4";
  EXPECT_EQ(parse_key(kText, "file"), 1u);
  EXPECT_EQ(parse_key(kText, "inactive_file"), 2u);
  EXPECT_EQ(parse_key(kText, "file_mapped"), 3u);
  EXPECT_EQ(parse_key(kText, "last"), 4u);
  EXPECT_FALSE(parse_key(kText, "mapped"));
  EXPECT_FALSE(parse_key(kText, "as"));
  EXPECT_FALSE(parse_key("file", "file"));
  EXPECT_FALSE(parse_key("file ", "file"));
  EXPECT_FALSE(parse_key("file x\n", "file"));
  EXPECT_FALSE(parse_key("", "file"));
}

TEST(Parsers, StatOfAProgramWithBracketsInItsName) {
  const auto stat = parse_stat(kStat);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->pid, 4711);
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 12);
  EXPECT_EQ(stat->group, 4711);
  EXPECT_EQ(stat->session, 4000);
  EXPECT_EQ(stat->start_time, 987654u);
  EXPECT_EQ(stat->resident.value % 321, 0u);
}

TEST(Parsers, Mountinfo) {
  const auto mounts = parse_mountinfo(kMountinfo);
  ASSERT_EQ(mounts.size(), 3u);
  EXPECT_EQ(mounts[1].root, "/docker/a b");
  EXPECT_EQ(mounts[1].point, "/sys/fs/cgroup/memory");
  EXPECT_EQ(mounts[1].type, "cgroup");
  EXPECT_THAT(mounts[1].super_options, ElementsAre("rw", "memory"));
  EXPECT_EQ(mounts[2].type, "cgroup2");
  EXPECT_THAT(parse_mountinfo("a b c\n- - - -\n1 2 3 4 5 6 -\n1 2 3 root point 6 - a b c\n"), IsEmpty());
}

TEST(Parsers, OwnCgroup) {
  EXPECT_EQ(parse_own_cgroup(kOwnCgroup, Hierarchy::v1_memory), "/a:b/c");
  EXPECT_EQ(parse_own_cgroup(kOwnCgroup, Hierarchy::v1_freezer), "/f");
  EXPECT_EQ(parse_own_cgroup(kOwnCgroup, Hierarchy::v2), "/user.slice");
  EXPECT_FALSE(parse_own_cgroup("1:cpu:/\n", Hierarchy::v2));
  EXPECT_FALSE(parse_own_cgroup("1:cpu:/\n", Hierarchy::v1_memory));
  EXPECT_FALSE(parse_own_cgroup("4:memory:relative\n4memory/\n:::\n", Hierarchy::v1_memory));
}

TEST(Parsers, SmapsRollup) {
  const auto held = parse_smaps_rollup(kSmaps);
  ASSERT_TRUE(held);
  EXPECT_EQ(held->own, KiB(816));
  EXPECT_EQ(held->shared, KiB(224));
  EXPECT_EQ(held->resident, KiB(2048));
  const std::string others = "Rss: 1 kB\nPrivate_Clean: 0 kB\nPrivate_Dirty: 0 kB\n";
  EXPECT_TRUE(parse_smaps_rollup(others + "Pss: 1 kB\n"));
  EXPECT_FALSE(parse_smaps_rollup(others));
  EXPECT_FALSE(parse_smaps_rollup(others + "Pss: x kB\n"));
  EXPECT_FALSE(parse_smaps_rollup(others + "Pss: 18446744073709551615 kB\n"));
}

TEST(Parsers, Statm) {
  EXPECT_EQ(parse_statm("9 0 1 1 0 4 0\n"), Bytes{0});
  EXPECT_GT(parse_statm("9 3 1 1 0 4 0\n"), KiB(9));
  for (const char* text : {"", "9", "9 x 1", "9 18446744073709551615 1"}) EXPECT_FALSE(parse_statm(text)) << text;
}

TEST(Parsers, CacheThatNobodyHasMapped) {
  EXPECT_EQ(unmapped_cache(kMemoryStat, Hierarchy::v2), Bytes{600});
  EXPECT_EQ(unmapped_cache(kMemoryStat, Hierarchy::v1_memory), Bytes{60});
  EXPECT_EQ(unmapped_cache("file_mapped 5\n", Hierarchy::v2), Bytes{0});
}

TEST(Parsers, Environ) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(parse_environ("A=1\0FITTEST_WORKER=r/w0\0B=2\0"sv, "FITTEST_WORKER"), "r/w0");
  EXPECT_EQ(parse_environ("FITTEST_WORKER=\0"sv, "FITTEST_WORKER"), "");
  EXPECT_FALSE(parse_environ("XFITTEST_WORKER=1\0FITTEST_WORKERS=2\0"sv, "FITTEST_WORKER"));
  EXPECT_FALSE(parse_environ("", "FITTEST_WORKER"));
}

TEST(Parsers, AreNotHarmedByGarbage) {
  std::mt19937_64 random(11);
  const std::string name = DomainName{"run-1", 4711, 987654, 4026531836, true}.text();
  const std::vector<std::pair<std::string, std::function<void(const std::string&)>>> parsers = {
      {std::string(kStat),
       [](const std::string& text) {
         const auto stat = parse_stat(text);
         EXPECT_TRUE(!stat || stat->resident.value % 1024 == 0) << text;
       }},
      {std::string(kMountinfo),
       [](const std::string& text) {
         for (const Mount& mount : parse_mountinfo(text)) EXPECT_EQ(mount.root.front(), '/') << text;
       }},
      {std::string(kOwnCgroup),
       [](const std::string& text) {
         for (const Hierarchy hierarchy : {Hierarchy::v2, Hierarchy::v1_memory, Hierarchy::v1_freezer}) {
           const auto path = parse_own_cgroup(text, hierarchy);
           EXPECT_TRUE(!path || path->starts_with('/')) << text;
         }
       }},
      {std::string(kSmaps),
       [](const std::string& text) {
         (void)parse_smaps_rollup(text);
         (void)parse_statm(text);
       }},
      {std::string(kMemoryStat),
       [](const std::string& text) {
         (void)unmapped_cache(text, Hierarchy::v2);
         (void)parse_number(text);
       }},
      {name,
       [](const std::string& text) {
         if (const auto parsed = parse_domain_name(text)) {
           EXPECT_GT(parsed->owner, 0) << text;
           EXPECT_TRUE(parse_domain_name(parsed->text())) << text;
         }
       }},
      {std::string("A=1\0FITTEST_WORKER=run/w0\0", 25),
       [](const std::string& text) { (void)parse_environ(text, kWorkerVariable); }},
  };
  for (const auto& [valid, parse] : parsers) {
    for (int i = 0; i < 20'000; ++i) parse(mutate(valid, random));
  }
}

}  // namespace
}  // namespace fittest::memory
