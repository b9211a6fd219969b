// What limits memory, read from trees of kernel files as other machines have them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "kernel_files.h"
#include "memory/budget.h"
#include "memory/cgroup_files.h"
#include "mutate.h"

namespace fittest::memory {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

MemoryLimits read(const KernelFiles& files) {
  auto limits = read_limits(files.root());
  if (!limits) throw std::runtime_error(limits.error().text());
  return std::move(*limits);
}

constexpr std::string_view kV1None = "9223372036854771712\n";

TEST(Limits, AMachineWithoutCgroups) {
  const KernelFiles files;
  const MemoryLimits limits = read(files);
  EXPECT_EQ(limits.mem_total, GiB(16));
  EXPECT_EQ(limits.mem_available, GiB(12));
  EXPECT_EQ(limits.swap_total, GiB(1));
  EXPECT_EQ(limits.swap_free, MiB(512));
  EXPECT_EQ(limits.overcommit_memory, 0);
  EXPECT_FALSE(limits.commit_left);
  EXPECT_FALSE(limits.address_space);
  EXPECT_THAT(limits.cgroups, IsEmpty());
}

TEST(Limits, OfNestedCgroupsV2AreReadFromTheInnermostUp) {
  KernelFiles files;
  files.mount_v2("/user.slice/session.scope")
      .file("sys/fs/cgroup/user.slice/session.scope/memory.max", "max\n")
      .file("sys/fs/cgroup/user.slice/session.scope/memory.high", "2147483648\n")
      .file("sys/fs/cgroup/user.slice/session.scope/memory.current", "1610612736\n")
      .file("sys/fs/cgroup/user.slice/session.scope/memory.stat",
            "anon 1073741824\nfile 536870912\nfile_mapped 1048576\ninactive_file 402653184\nactive_file 134217728\n")
      .file("sys/fs/cgroup/user.slice/memory.max", "8589934592\n")
      .file("sys/fs/cgroup/user.slice/memory.high", "9589934592\n")
      .file("sys/fs/cgroup/user.slice/memory.current", "4294967296\n");
  const MemoryLimits limits = read(files);
  ASSERT_EQ(limits.cgroups.size(), 2u);
  EXPECT_EQ(limits.cgroups[0].source, "cgroup v2 /user.slice/session.scope memory.high");
  EXPECT_EQ(limits.cgroups[0].bytes, GiB(2));
  EXPECT_EQ(limits.cgroups[0].used, GiB(1) + MiB(1)) << "without page cache, except what is mapped";
  EXPECT_EQ(limits.cgroups[1].source, "cgroup v2 /user.slice memory.max");
  EXPECT_EQ(limits.cgroups[1].bytes, GiB(8));
  EXPECT_EQ(limits.cgroups[1].used, GiB(4)) << "without memory.stat all of it counts";
}

TEST(Limits, OfNestedCgroupsV1) {
  KernelFiles files;
  files.mount_v1("/docker/abc")
      .file("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "4294967296\n")
      .file("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "1073741824\n")
      .file("sys/fs/cgroup/memory/docker/abc/memory.stat",
            "cache 9\ninactive_file 1\ntotal_inactive_file 268435456\ntotal_active_file 0\ntotal_mapped_file 0\n")
      .file("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", kV1None)
      .file("sys/fs/cgroup/memory/memory.limit_in_bytes", kV1None);
  const MemoryLimits limits = read(files);
  ASSERT_EQ(limits.cgroups.size(), 1u);
  EXPECT_EQ(limits.cgroups[0].source, "cgroup v1 /docker/abc memory.limit_in_bytes");
  EXPECT_EQ(limits.cgroups[0].bytes, GiB(4));
  EXPECT_EQ(limits.cgroups[0].used, MiB(768));
}

TEST(Limits, BothVersionsOnOneMachine) {
  KernelFiles files;
  files.mount_v1("/a").mount_v2("/").file("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1073741824\n");
  EXPECT_EQ(read(files).cgroups.size(), 1u);
}

TEST(Limits, AContainerThatSeesItsOwnCgroupAtTheMount) {
  KernelFiles files;  // a cgroup namespace: the path is "/", the limit is at the mount itself
  files.mount_v2("/").file("sys/fs/cgroup/memory.max", "536870912\n").file("sys/fs/cgroup/memory.current", "1048576\n");
  const MemoryLimits limits = read(files);
  ASSERT_EQ(limits.cgroups.size(), 1u);
  EXPECT_EQ(limits.cgroups[0].source, "cgroup v2 / memory.max");
  EXPECT_EQ(limits.cgroups[0].bytes, MiB(512));
}

TEST(Limits, AContainerWhosePathIsTheHosts) {
  KernelFiles files;  // v1 in Docker without a cgroup namespace: the mount shows a part of the hierarchy
  files.mount_v1("/docker/abc", "/docker/abc").file("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
  const MemoryLimits limits = read(files);
  ASSERT_EQ(limits.cgroups.size(), 1u);
  EXPECT_EQ(limits.cgroups[0].source, "cgroup v1 /docker/abc memory.limit_in_bytes");

  KernelFiles other;  // the path is not below what the mount shows: its top is the nearest there is
  other.mount_v1("/system.slice/docker-abc.scope", "/docker/abc")
      .file("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
  ASSERT_EQ(read(other).cgroups.size(), 1u);
  EXPECT_EQ(read(other).cgroups[0].bytes, MiB(512));
}

TEST(Limits, APathOutsideOfTheNamespace) {
  KernelFiles files;
  files.mount_v2("/../../other").file("sys/fs/cgroup/memory.max", "536870912\n");
  ASSERT_EQ(read(files).cgroups.size(), 1u);
}

TEST(Limits, CommitLimitCountsOnlyWhereTheKernelKeepsToIt) {
  KernelFiles files;
  EXPECT_FALSE(read(files).commit_left);
  files.file("proc/sys/vm/overcommit_memory", "2\n");
  EXPECT_EQ(read(files).commit_left, GiB(4));
  files.meminfo("Committed_AS", 100ull << 20);
  EXPECT_EQ(read(files).commit_left, Bytes{}) << "more promised than there is";
}

TEST(Limits, OfTheAddressSpace) {
  KernelFiles files;
  files.file("proc/self/limits", "Max address space         1073741824           unlimited            bytes     \n");
  EXPECT_EQ(read(files).address_space, GiB(1));
}

TEST(Limits, OldKernelsHaveNoMemAvailable) {
  KernelFiles files;
  files.file("proc/meminfo", "MemTotal: 16777216 kB\nMemFree: 1048576 kB\nBuffers: 1048576 kB\nCached: 2097152 kB\n");
  EXPECT_EQ(read(files).mem_available, GiB(4));
  EXPECT_EQ(read(files).swap_total, Bytes{});
}

TEST(Limits, AreNotReadableWithoutProc) {
  KernelFiles files;
  files.remove("proc/meminfo");
  auto limits = read_limits(files.root());
  ASSERT_FALSE(limits);
  EXPECT_THAT(limits.error().text(), HasSubstr("proc/meminfo: cannot read how much memory there is"));
  EXPECT_THAT(limits.error().text(), HasSubstr("mount /proc"));
  for (const char* text : {"", "MemTotal:\n", "MemTotal: 0 kB\n", "MemTotal: x kB\n", "MemTotal: 12 MB\n",
                           "MemTotal: 99999999999999999999 kB\n", "MemTotal: 9999999999999999999 kB\n"}) {
    files.file("proc/meminfo", text);
    limits = read_limits(files.root());
    ASSERT_FALSE(limits) << text;
    EXPECT_THAT(limits.error().text(), HasSubstr("no line \"MemTotal: <number> kB\""));
  }
}

TEST(Limits, WhatMakesNoSenseLimitsNothing) {
  KernelFiles files;
  files.mount_v2("/a")
      .file("sys/fs/cgroup/a/memory.max", "lots\n")
      .file("sys/fs/cgroup/a/memory.high", "-1\n")
      .file("proc/self/limits", "Max address space\nMax address space x\n")
      .file("proc/sys/vm/overcommit_memory", "7\n");
  EXPECT_THAT(read(files).cgroups, IsEmpty());
  EXPECT_FALSE(read(files).address_space);
  EXPECT_EQ(read(files).overcommit_memory, 0);
  files.remove("proc/self").remove("proc/sys");
  EXPECT_EQ(read(files).mem_total, GiB(16)) << "the rest may be missing";
}

TEST(Limits, AreNotHarmedByGarbage) {
  KernelFiles files;
  files.mount_v1("/a").mount_v2("/b/c").file("sys/fs/cgroup/b/c/memory.max", "1073741824\n");
  const std::vector<std::string> paths = {"proc/meminfo", "proc/self/mountinfo", "proc/self/cgroup", "proc/self/limits",
                                          "sys/fs/cgroup/b/c/memory.max"};
  std::map<std::string, std::string> valid;
  for (const std::string& path : paths) valid[path] = read_text(files.root() / path).value();
  std::mt19937_64 random(3);
  for (int i = 0; i < 200; ++i) {
    for (const auto& [path, text] : valid) files.file(path, random() % 2 == 0 ? text : mutate(text, random));
    const auto limits = read_limits(files.root());
    if (!limits) continue;
    EXPECT_GT(limits->mem_total, Bytes{});
    EXPECT_LE(limits->mem_available, limits->mem_total);
    EXPECT_LE(limits->swap_free, limits->swap_total);
  }
}

TEST(Limits, OfThisMachineMakeSense) {
  const auto limits = read_limits();
  ASSERT_TRUE(limits) << limits.error().text();
  EXPECT_GT(limits->mem_total, MiB(64));
  EXPECT_LE(limits->mem_available, limits->mem_total);
  EXPECT_LE(limits->swap_free, limits->swap_total);
}

}  // namespace
}  // namespace fittest::memory
