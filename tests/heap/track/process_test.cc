// What processes do that is hard on a library inside of them.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <numeric>

#include "heap/read/trace_reader.h"
#include "heap/track/traced.h"

namespace fittest::heap {
namespace {

double bytes_of(const Profile& profile, const std::string& function, Amount Figures::*which) {
  double sum = 0;
  Functions functions(profile);
  for (const Figures& figures : profile.figures) {
    if (functions.on(figures, function)) sum += (figures.*which).bytes;
  }
  return sum;
}

TEST(Process, AForkedChildGoesOnInItsOwnFileWhereItIsFollowed) {
  const Folder folder;
  const Traced run = run_probe(folder, {"fork"}, {{"FITTEST_HEAP_FOLLOW", "fork"}});
  ASSERT_EQ(run.status, 0);
  ASSERT_EQ(run.files.size(), 2U);
  const Profile parent = run.profile();
  EXPECT_EQ(bytes_of(parent, "parents_allocation", &Figures::leaked), 50 * 100'000.0);
  const std::string own = folder.path() / ("t." + std::to_string(run.pid) + ".heap");
  ReadOptions options;
  options.ancestors = {own};
  const auto child = read_profile(folder.path() / ("t." + std::to_string(run.said.at("child")) + ".heap"), options);
  ASSERT_TRUE(child) << child.error().text();
  EXPECT_EQ(child->parent_process, static_cast<std::uint32_t>(run.pid));
  EXPECT_EQ(child->ending, Ending::ended);
  EXPECT_EQ(bytes_of(*child, "childs_allocation", &Figures::leaked), 10 * 200'000.0);
  EXPECT_GE(child->at_start.live, 50U * 100'000);
}

TEST(Process, AForkedChildIsLeftAloneWhereItIsNot) {
  const Folder folder;
  const Traced run = run_probe(folder, {"fork"});
  ASSERT_EQ(run.status, 0);
  EXPECT_EQ(run.files.size(), 1U);
  EXPECT_EQ(run.profile().ending, Ending::ended);
}

TEST(Process, ThreadsThatNobodyJoinsFreeAfterTheirEnd) {
  for (const char* mode : {"sample", "exact"}) {
    const Folder folder;
    const Traced run = run_probe(folder, {"detached", "40"}, {{"FITTEST_HEAP_MODE", mode}});
    ASSERT_EQ(run.status, 0) << mode;
    EXPECT_EQ(run.profile().ending, Ending::ended);
  }
}

TEST(Process, ForksWhileItsThreadsAllocate) {
  for (const char* follow : {"none", "fork"}) {
    for (const char* mode : {"sample", "exact"}) {
      const Folder folder;
      const Traced run = run_probe(folder, {"fork_from_threads", "60"},
                                   {{"FITTEST_HEAP_FOLLOW", follow}, {"FITTEST_HEAP_MODE", mode}});
      ASSERT_EQ(run.status, 0) << follow << " " << mode;
      EXPECT_EQ(run.said.at("good"), 60U);
      EXPECT_EQ(run.files.size(), std::string(follow) == "fork" ? 61U : 1U);
      for (const auto& file : run.files) {
        const auto profile = read_profile(file);
        ASSERT_TRUE(profile);
        EXPECT_TRUE(profile->problems.empty()) << file << ": " << profile->problems.front();
        EXPECT_EQ(profile->ending, Ending::ended) << file;
      }
    }
  }
}

TEST(Process, AChildOfVforkDoesNotEndItsParentsTrace) {
  const Folder folder;
  const Traced run = run_probe(folder, {"vfork"});
  ASSERT_EQ(run.status, 0);
  EXPECT_EQ(bytes_of(run.profile(), "parents_allocation", &Figures::total), 800'000.0);
}

TEST(Process, KilledItHasLostNothing) {
  for (const char* count : {"10", "1000", "200000"}) {
    const Folder folder;
    const Traced run = run_probe(folder, {"kill", count}, {{"FITTEST_HEAP_MODE", "exact"}});
    ASSERT_TRUE(WIFSIGNALED(run.status) && WTERMSIG(run.status) == SIGKILL);
    const Profile profile = run.profile();
    EXPECT_EQ(profile.ending, Ending::cut_off);
    EXPECT_EQ(bytes_of(profile, "do_kill", &Figures::leaked), 1000 * std::stod(count));
  }
}

TEST(Process, ThatClosesEveryDescriptorGetsNothingOfTheTraceIntoItsFiles) {
  const Folder folder;
  const std::string own = folder.path() / "own";
  const Traced run = run_probe(folder, {"close_all", own}, {{"FITTEST_HEAP_MODE", "exact"}});
  ASSERT_EQ(run.status, 0);
  EXPECT_EQ(run.said.at("fd"), 3U);  // as without the tracker
  std::ifstream file(own);
  std::string line;
  int lines = 0;
  while (std::getline(file, line)) {
    EXPECT_EQ(line, "mine");
    ++lines;
  }
  EXPECT_EQ(lines, 300);
  EXPECT_EQ(bytes_of(run.profile(), "do_close_all", &Figures::total), 300'000 / 1000 * 499'500.0);
}

TEST(Process, ThatLeavesItsFolderIsTracedToTheEnd) {
  const Folder folder;
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const Traced run = run_probe(folder, {"chdir"}, {{"FITTEST_HEAP_MODE", "exact"}, {"FITTEST_HEAP_OUTPUT", "here"}});
  std::filesystem::current_path(before);
  ASSERT_EQ(run.status, 0);
  EXPECT_EQ(bytes_of(run.profile(), "do_chdir", &Figures::total), 200'000 / 1000 * 499'500.0);
}

TEST(Process, SeesNothingOfTheTrackerInItsEnvironment) {
  const Folder folder;
  EXPECT_EQ(run_probe(folder, {"environment"}).said.at("seen"), 0U);
  const std::string library = FITTEST_HEAP_LIBRARY_FILE;
  const Traced between = run_probe(folder, {"environment"}, {{"LD_PRELOAD", "libm.so.6:" + library + " libdl.so.2"}});
  EXPECT_EQ(between.said.at("seen"), 0U);
  EXPECT_EQ(between.said.at("preload"), std::string("libm.so.6:libdl.so.2").size());
  EXPECT_GT(run_probe(folder, {"environment"}, {{"FITTEST_HEAP_FOLLOW", "exec"}}).said.at("seen"), 0U);
}

TEST(Process, ThatBecomesAnotherProgramIsTracedOn) {
  const Folder folder;
  const Traced run = run_probe(folder, {"execute", FITTEST_HEAP_PROBE, "environment"});
  ASSERT_EQ(run.status, 0);
  ASSERT_EQ(run.files.size(), 2U);
  EXPECT_EQ(run.said.at("seen"), 0U);
}

TEST(Process, ATraceHasABound) {
  const Folder folder;
  const Traced run =
      run_probe(folder, {"steps", "1", "400000"}, {{"FITTEST_HEAP_MODE", "exact"}, {"FITTEST_HEAP_LIMIT", "1000000"}});
  ASSERT_EQ(run.status, 0);
  const Profile profile = run.profile();
  EXPECT_LE(std::filesystem::file_size(run.files.front()), 1'000'000U);
  EXPECT_GT(profile.lost, 0U);
  EXPECT_EQ(run.said.at("tracker_peak"), run.said.at("peak"));  // counters go on
}

// Libraries of Debian's: where one is not installed its part is left out, and said.
TEST(Process, WithAnotherAllocatorBehindItCountsWhatThatOneGives) {
  int tried = 0;
  for (const char* allocator : {"libjemalloc.so.2", "libmimalloc.so.2", "libtcmalloc_minimal.so.4"}) {
    // Asked of a process of its own: an allocator is not to be loaded late.
    if (run_traced(Folder(), {"ldconfig", "-p"}, {{"LD_PRELOAD", ""}}).output.find(allocator) == std::string::npos) {
      std::cout << allocator << " is not here\n";
      continue;
    }
    ++tried;
    for (const char* mode : {"sample", "exact"}) {
      const Folder folder;
      const Traced run = run_probe(
          folder, {"steps", "6", "30000", "c"},
          {{"LD_PRELOAD", std::string(FITTEST_HEAP_LIBRARY_FILE) + ":" + allocator}, {"FITTEST_HEAP_MODE", mode}});
      ASSERT_EQ(run.status, 0) << allocator;
      for (const char* figure : {"live", "peak", "allocations", "frees", "allocated"}) {
        EXPECT_EQ(run.said.at(std::string("tracker_") + figure), run.said.at(figure)) << figure << " of " << allocator;
      }
      const Profile profile = run.profile();
      ASSERT_EQ(profile.notes.size(), 1U);
      EXPECT_EQ(profile.notes.front().key, "allocator");
      EXPECT_NE(std::string(allocator).find(profile.notes.front().value), std::string::npos);
    }
  }
  if (tried == 0) GTEST_SKIP() << "none of the allocators is installed";
}

TEST(Process, CoreutilsDoWhatTheyDo) {
  const Folder folder;
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"sort", "-R", "--random-source=/proc/version", "/proc/filesystems"},
        std::vector<std::string>{"sha256sum", "/proc/self/mountinfo", FITTEST_HEAP_PROBE},
        std::vector<std::string>{"cat", "/proc/version"}, std::vector<std::string>{"seq", "1000"},
        std::vector<std::string>{"expr", "3", "+", "4"}, std::vector<std::string>{"false"},
        std::vector<std::string>{"od", "-c", FITTEST_HEAP_PROBE}}) {
    const Traced watched = run_traced(folder, command, {{"FITTEST_HEAP_MODE", "exact"}});
    const Traced plain = run_traced(folder, command, {{"LD_PRELOAD", ""}});
    EXPECT_EQ(watched.status, plain.status) << command.front();
    EXPECT_EQ(watched.output, plain.output) << command.front();
  }
}

}  // namespace
}  // namespace fittest::heap
