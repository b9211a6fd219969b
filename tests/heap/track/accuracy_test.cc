// What the tracker counts, against the account that the watched program keeps itself.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <map>

#include "heap/read/trace_reader.h"
#include "heap/track/traced.h"

namespace fittest::heap {
namespace {

class EachMode : public ::testing::TestWithParam<const char*> {
 protected:
  Folder folder_;
};
INSTANTIATE_TEST_SUITE_P(Modes, EachMode, ::testing::Values("count", "sample", "exact"));

TEST_P(EachMode, WithOneThreadEveryFigureIsTheProgramsOwn) {
  for (const char* seed : {"1", "2", "3"}) {
    const Traced run = run_probe(folder_, {"steps", seed, "60000"}, {{"FITTEST_HEAP_MODE", GetParam()}});
    ASSERT_EQ(run.status, 0);
    for (const char* figure : {"live", "peak", "allocations", "frees", "allocated"}) {
      EXPECT_EQ(run.said.at(std::string("tracker_") + figure), run.said.at(figure)) << figure << " of seed " << seed;
    }
    EXPECT_GT(run.said.at("peak"), 5'000'000U);
  }
}

TEST_P(EachMode, WithSeveralThreadsTheFiguresAreOffByTheirBoundAtMost) {
  constexpr std::uint64_t kThreads = 8;
  const Traced run = run_probe(folder_, {"threads", "8", "20000", "3"}, {{"FITTEST_HEAP_MODE", GetParam()}});
  ASSERT_EQ(run.status, 0);
  const auto near = [&](const char* figure) {
    const auto said = static_cast<std::int64_t>(run.said.at(figure));
    const auto counted = static_cast<std::int64_t>(run.said.at(std::string("tracker_") + figure));
    // And one allocation of each thread that only one of the two accounts has heard of yet.
    EXPECT_LE(std::abs(said - counted), static_cast<std::int64_t>(kThreads * ((64 << 10) + 4200))) << figure;
  };
  near("peak");
  near("live");
  // What ended threads counted is all there: beside the steps, the C library allocates once for each new thread.
  EXPECT_GE(run.said.at("tracker_allocations"), run.said.at("allocations"));
  EXPECT_LE(run.said.at("tracker_allocations"), run.said.at("allocations") + 3 * kThreads);
}

TEST(Exact, TheTraceHasThePeakOfWhatWasAskedFor) {
  const Folder folder;
  const Traced run = run_probe(folder, {"steps", "4", "60000"}, {{"FITTEST_HEAP_MODE", "exact"}});
  const Profile profile = run.profile();
  EXPECT_EQ(profile.ending, Ending::ended);
  EXPECT_TRUE(profile.problems.empty());
  EXPECT_EQ(profile.lost, 0U);
  // Nothing but the steps allocates after the start, where nothing is freed.
  EXPECT_NEAR(profile.peak.bytes, static_cast<double>(run.said.at("asked_peak")), 200'000);
  EXPECT_NEAR(profile.leaked.bytes - profile.peak.bytes,
              static_cast<double>(run.said.at("asked_live")) - static_cast<double>(run.said.at("asked_peak")), 0.5);
  EXPECT_EQ(static_cast<std::uint64_t>(profile.total.count),
            profile.counters.allocations - profile.at_start.allocations);
}

TEST(Section, HasWhatWasAllocatedInItAndNothingElse) {
  const Folder folder;
  const std::string file = folder.path() / "section.heap";
  const Traced run = run_probe(folder, {"section", file, "9", "20000", "1"}, {{"FITTEST_HEAP_OUTPUT", ""}});
  ASSERT_EQ(run.status, 0);
  EXPECT_EQ(run.said.at("begin"), 0U);
  EXPECT_EQ(run.said.at("again"), static_cast<std::uint64_t>(EALREADY));
  EXPECT_EQ(run.said.at("end"), 0U);
  EXPECT_EQ(run.said.at("no_end"), static_cast<std::uint64_t>(ENODATA));
  EXPECT_EQ(run.said.at("section_allocations"), run.said.at("allocations"));
  EXPECT_EQ(run.said.at("section_frees"), run.said.at("frees"));
  const auto profile = read_profile(file);
  ASSERT_TRUE(profile) << profile.error().text();
  EXPECT_EQ(profile->ending, Ending::ended);
  EXPECT_EQ(profile->peak.bytes, static_cast<double>(run.said.at("asked_peak")));
  EXPECT_EQ(profile->leaked.bytes, static_cast<double>(run.said.at("asked_live")));
  EXPECT_EQ(profile->total.bytes, static_cast<double>(run.said.at("section_recorded")));
  EXPECT_EQ(profile->total.count, static_cast<double>(run.said.at("allocations")));
}

TEST(Section, WhoseFileCannotBeMadeDoesNotBegin) {
  const Folder folder;
  const std::string file = folder.path() / "no_folder" / "section.heap";
  const Traced run = run_probe(folder, {"section", file, "9", "10", "1"}, {{"FITTEST_HEAP_OUTPUT", ""}});
  EXPECT_EQ(run.said.at("begin"), static_cast<std::uint64_t>(ENOENT));
}

TEST(Mapped, MemoryIsCountedByThePart) {
  const Folder folder;
  const Traced run = run_probe(folder, {"maps"});
  ASSERT_EQ(run.status, 0);
  const std::map<std::string, std::uint64_t> expected = {
      {"mapped", 8},   {"hole", 7}, {"hole_again", 7}, {"over_hole", 8}, {"grown", 16},   {"shrunk", 4},
      {"reserved", 4}, {"file", 4}, {"none", 0},       {"brk", 1},       {"brk_back", 0}, {"peak", 16}};
  for (const auto& [key, mebibytes] : expected) EXPECT_EQ(run.said.at(key), mebibytes << 20) << key;
  const Profile profile = run.profile();
  double mapped = 0;
  for (const Figures& figures : profile.figures) {
    if (figures.kind == trace::Kind::mapped) mapped += figures.peak.bytes;
    if (figures.kind != trace::Kind::heap) {
      EXPECT_EQ(figures.leaked.bytes, 0);
    }
  }
  EXPECT_EQ(mapped, 16.0 * (1 << 20));
}

// The ten stacks with most memory at the peak, exactly and by sample: the sampled figures within 5 % of all memory, and
// each within four of the standard errors that the sample itself claims.
TEST(Sampled, TheLargestStacksAreThoseOfTheExactMode) {
  const Folder exact_folder, sample_folder;
  const std::vector<std::string> command = {"stacks", "42", "3000000"};
  const Profile exact = run_probe(exact_folder, command, {{"FITTEST_HEAP_MODE", "exact"}}).profile();
  const Profile sample = run_probe(sample_folder, command, {{"FITTEST_HEAP_MODE", "sample"}}).profile();
  const auto by_name = [](const Profile& profile) {
    std::map<std::string, const Figures*> result;
    Functions functions(profile);
    for (const Figures& figures : profile.figures) {
      for (int which = 0; which < 30; ++which) {
        const std::string name = "stack_of<" + std::to_string(which) + ">";
        if (functions.on(figures, name)) result[name] = &figures;
      }
    }
    return result;
  };
  const auto real = by_name(exact), estimated = by_name(sample);
  ASSERT_EQ(real.size(), 30U);
  ASSERT_EQ(estimated.size(), 30U);
  EXPECT_GT(exact.peak.bytes, 8e7);
  EXPECT_NEAR(sample.total.bytes, exact.total.bytes, 4 * std::sqrt(sample.total.variance));
  EXPECT_GT(sample.total.variance, 0);
  for (const auto& [name, figures] : real) {
    const Figures& guess = *estimated.at(name);
    EXPECT_NEAR(guess.peak.bytes, figures->peak.bytes, 0.05 * exact.peak.bytes) << name;
    EXPECT_NEAR(guess.total.bytes, figures->total.bytes, 4.5 * std::sqrt(guess.total.variance)) << name;
    const double samples = figures->total.bytes / static_cast<double>(sample.period);
    EXPECT_NEAR(guess.total.count, figures->total.count, 4.5 * figures->total.count / std::sqrt(samples)) << name;
  }
}

}  // namespace
}  // namespace fittest::heap
