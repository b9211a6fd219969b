// Who belongs to whom, decided on process tables made up here.
#include "memory/proc_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "domain_fixture.h"

namespace fittest::memory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

struct Place {
  pid_t group = 0;
  pid_t session = 0;
};

ProcessStat process(pid_t pid, pid_t parent, Place place = {}, std::uint64_t start = 0, char state = 'S') {
  ProcessStat stat;
  stat.pid = pid;
  stat.parent = parent;
  stat.group = place.group != 0 ? place.group : 1;
  stat.session = place.session != 0 ? place.session : 1;
  stat.start_time = start != 0 ? start : static_cast<std::uint64_t>(pid);
  stat.state = state;
  return stat;
}

std::vector<pid_t> pids(const MemberFinder& finder, const std::string& worker) {
  std::vector<pid_t> all;
  for (const ProcessStat& member : finder.of(worker)) all.push_back(member.pid);
  return all;
}

MemberFinder finder_of(const std::vector<std::string>& workers, std::map<pid_t, std::string> marks = {}) {
  MemberFinder finder("run", [marks = std::move(marks)](pid_t pid) -> std::optional<std::string> {
    const auto it = marks.find(pid);
    return it == marks.end() ? std::optional<std::string>() : std::string(kWorkerVariable) + "=" + it->second;
  });
  for (const std::string& worker : workers) finder.add(worker);
  return finder;
}

TEST(MemberFinder, DescendantsInAnyOrderOfTheTable) {
  MemberFinder finder = finder_of({"w"});
  finder.adopt("w", 10, 10);
  finder.look({process(13, 12), process(12, 11), process(11, 10), process(10, 2), process(2, 1), process(99, 2)});
  EXPECT_THAT(pids(finder, "w"), UnorderedElementsAre(10, 11, 12, 13));
  EXPECT_EQ(finder.strangers().size(), 2u);
}

TEST(MemberFinder, AForkOfTheZygoteIsItsOwnWorkersOnceAdopted) {
  MemberFinder finder = finder_of({"zygote", "w"});
  finder.adopt("zygote", 10, 10);
  finder.look({process(10, 2), process(20, 10)});
  EXPECT_THAT(pids(finder, "zygote"), UnorderedElementsAre(10, 20));
  finder.adopt("w", 20, 20);
  finder.look({process(10, 2), process(20, 10), process(21, 20)});
  EXPECT_THAT(pids(finder, "zygote"), ElementsAre(10));
  EXPECT_THAT(pids(finder, "w"), UnorderedElementsAre(20, 21));
}

TEST(MemberFinder, WhoWasSeenStaysWhenItsParentIsGone) {
  MemberFinder finder = finder_of({"w"});
  finder.adopt("w", 10, 10);
  finder.look({process(10, 2), process(11, 10), process(12, 11)});
  finder.look({process(10, 2), process(12, 1)});
  EXPECT_THAT(pids(finder, "w"), UnorderedElementsAre(10, 12));
}

TEST(MemberFinder, AnUnseenProcessInAMembersSessionOrGroupBelongs) {
  MemberFinder finder = finder_of({"w"});
  finder.adopt("w", 10, 10);
  finder.look({process(10, 2, {10, 10})});
  finder.look({process(10, 2, {10, 10}), process(30, 1, {30, 10}), process(31, 1, {10, 5}), process(32, 1, {32, 32})});
  EXPECT_THAT(pids(finder, "w"), UnorderedElementsAre(10, 30, 31));
}

TEST(MemberFinder, ADaemonIsKnownByItsMark) {
  MemberFinder finder = finder_of({"w", "v"}, {{30, "run/v"}, {31, "other/v"}, {32, "run/gone"}, {33, "runx/v"}});
  finder.look({process(30, 1), process(31, 1), process(32, 1), process(33, 1)});
  EXPECT_THAT(pids(finder, "v"), ElementsAre(30));
  EXPECT_THAT(pids(finder, "w"), IsEmpty());
}

TEST(MemberFinder, APidGivenAgainIsAStranger) {
  MemberFinder finder = finder_of({"w"});
  finder.adopt("w", 10, 10);
  finder.look({process(10, 2, {10, 10}), process(11, 10)});
  finder.look({process(10, 2, {7, 7}, 500), process(11, 2, {7, 7}, 501)});
  EXPECT_THAT(pids(finder, "w"), IsEmpty());
}

TEST(MemberFinder, ASessionsPidGivenAgainIsNotTheWorkers) {
  MemberFinder finder = finder_of({"w"});
  finder.adopt("w", 10, 10);
  finder.look({process(10, 2, {10, 10})});
  finder.look({process(10, 2, {10, 10}, 500), process(501, 10, {10, 10})});
  EXPECT_THAT(pids(finder, "w"), IsEmpty()) << "a stranger's session of the same number";
}

TEST(MemberFinder, WhoIsOlderThanItsParentIsNotItsChild) {
  MemberFinder finder = finder_of({"w"});
  finder.adopt("w", 10, 700);
  // 40 and 41 were read before 10 was given to the worker.
  finder.look({process(10, 2, {10, 10}, 700), process(40, 10), process(41, 1, {10, 10}), process(42, 10, {}, 701)});
  EXPECT_THAT(pids(finder, "w"), UnorderedElementsAre(10, 42));
}

TEST(MemberFinder, ZombiesHoldNothingButTheirChildrenDo) {
  MemberFinder finder = finder_of({"w"});
  finder.adopt("w", 10, 10);
  finder.look({process(10, 2, {}, 0, 'Z'), process(11, 10)});
  EXPECT_THAT(pids(finder, "w"), ElementsAre(11));
}

TEST(MemberFinder, ARemovedWorkerHasNobody) {
  MemberFinder finder = finder_of({"w"});
  finder.adopt("w", 10, 10);
  finder.look({process(10, 2)});
  finder.remove("w");
  EXPECT_THAT(pids(finder, "w"), IsEmpty());
  finder.look({process(10, 2)});
  EXPECT_THAT(pids(finder, "w"), IsEmpty());
}

TEST(MemberFinder, AGroupIsAWorkersOwnOnlyIfNobodyElseIsInIt) {
  MemberFinder finder = finder_of({"w", "v"});
  finder.adopt("w", 10, 10);
  finder.adopt("v", 20, 20);
  finder.look({process(10, 2, {10, 10}), process(11, 10, {11, 10}), process(12, 10, {7, 7}), process(20, 2, {11, 20}),
               process(2, 1, {7, 7})});
  EXPECT_THAT(finder.groups_of("w"), ElementsAre(10)) << "11 is shared with v, 7 with a stranger";
  EXPECT_THAT(finder.groups_of("nobody"), IsEmpty());
}

// A table is read while it changes: parents may be missing, or point in circles.
TEST(MemberFinder, EveryProcessHasOnePlaceInAnyTable) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 500; ++i) {
    MemberFinder finder = finder_of({"a", "b"});
    std::vector<ProcessStat> table;
    const auto count = static_cast<pid_t>(random() % 40 + 1);
    const auto any = [&] { return static_cast<pid_t>(random() % static_cast<std::uint64_t>(count) + 1); };
    for (pid_t pid = 1; pid <= count; ++pid) table.push_back(process(pid, any(), {any(), any()}));
    const pid_t other = any();
    finder.adopt("a", other, static_cast<std::uint64_t>(other));
    const pid_t root = any();
    finder.adopt("b", root, static_cast<std::uint64_t>(root));
    for (int round = 0; round < 3; ++round) {
      finder.look(table);
      EXPECT_EQ(finder.of("a").size() + finder.of("b").size() + finder.strangers().size(), table.size());
      EXPECT_THAT(pids(finder, "b"), ::testing::Contains(root));
    }
  }
}

TEST(ProcessWatch, ReturnsWhatWasPassedOverAndSeesWhatIsNew) {
  ProcessWatch watch;
  const auto first = watch.read();
  EXPECT_GE(first.size(), 1u);
  watch.pass_over(first);
  Child child([](Talk& talk) {
    talk.tell();
    talk.wait();
  });
  child.hear();
  const auto has = [&](const std::vector<ProcessStat>& table) {
    return std::any_of(table.begin(), table.end(), [&](const ProcessStat& stat) { return stat.pid == child.pid(); });
  };
  EXPECT_TRUE(has(watch.read()));
  child.go();
  child.end();
  EXPECT_FALSE(has(watch.read()));
}

}  // namespace
}  // namespace fittest::memory
