// Where allocations are said to come from.
#include <gtest/gtest.h>

#include "heap/symbols/symbols.h"
#include "heap/track/traced.h"

namespace fittest::heap {
namespace {

const Figures* of_size(const Profile& profile, std::uint64_t size) {
  for (const Figures& figures : profile.figures) {
    if (figures.largest == size) return &figures;
  }
  ADD_FAILURE() << "nothing of " << size << " bytes was recorded";
  return nullptr;
}

class StackOf : public ::testing::TestWithParam<const char*> {
 protected:
  Profile run(const std::vector<std::string>& arguments) {
    const Traced traced = run_probe(folder_, arguments, {{"FITTEST_HEAP_MODE", GetParam()}});
    EXPECT_EQ(traced.status, 0);
    return traced.profile();
  }

 private:
  Folder folder_;
};
INSTANTIATE_TEST_SUITE_P(Modes, StackOf, ::testing::Values("sample", "exact"));

TEST_P(StackOf, OutOfASignalHandlerToWhatWasInterrupted) {
  const Profile profile = run({"signal"});
  const Figures* figures = of_size(profile, 123'456);
  ASSERT_NE(figures, nullptr);
  for (const char* function : {"in_handler", "handler", "interrupted", "do_signal", "main"}) {
    EXPECT_TRUE(Functions(profile).on(*figures, function)) << function;
  }
}

TEST_P(StackOf, OutOfAHandlersOwnStack) {
  const Profile profile = run({"signal", "1"});
  const Figures* figures = of_size(profile, 123'456);
  ASSERT_NE(figures, nullptr);
  for (const char* function : {"in_handler", "interrupted", "main"}) {
    EXPECT_TRUE(Functions(profile).on(*figures, function)) << function;
  }
}

TEST_P(StackOf, OnAStackThatIsNoThreads) {
  const Profile profile = run({"coroutine"});
  const Figures* figures = of_size(profile, 88'888);
  ASSERT_NE(figures, nullptr);
  EXPECT_TRUE(Functions(profile).on(*figures, "in_handler"));
  EXPECT_TRUE(Functions(profile).on(*figures, "on_other_stack"));
}

TEST_P(StackOf, BesideMemoryThatIsNotThereAnyMore) {
  const Profile profile = run({"vanishing"});
  const Figures* figures = of_size(profile, 99'999);
  ASSERT_NE(figures, nullptr);
  EXPECT_TRUE(Functions(profile).on(*figures, "allocate_below_far_frame"));
}

TEST_P(StackOf, ADeepStackIsCutAtItsOuterEnd) {
  const Profile shallow = run({"deep", "200"});
  const Figures* whole = of_size(shallow, 77'777);
  ASSERT_NE(whole, nullptr);
  EXPECT_TRUE(Functions(shallow).on(*whole, "main"));
  EXPECT_GE(shallow.stacks[whole->stack].native.size(), 203U);
  const Profile deep = run({"deep", "20000"});
  const Figures* cut = of_size(deep, 77'777);
  ASSERT_NE(cut, nullptr);
  EXPECT_EQ(deep.stacks[cut->stack].native.size(), 1024U);
  EXPECT_TRUE(Functions(deep).on(*cut, "at_depth"));
}

TEST_P(StackOf, InALibraryThatComesAndGoes) {
  const Profile profile = run({"plugin", FITTEST_HEAP_PLUGIN, "20"});
  double total = 0;
  Functions functions(profile);
  for (const Figures& figures : profile.figures) {
    if (functions.on(figures, "plugin_allocates")) total += figures.total.bytes;
  }
  EXPECT_EQ(total, 20 * 70'000.0);
}

}  // namespace
}  // namespace fittest::heap
