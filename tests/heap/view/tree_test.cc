#include "heap/view/tree.h"

#include <gtest/gtest.h>

#include "../../report/snapshot.h"
#include "profiles.h"

namespace fittest::heap {
namespace {

using report::matches_snapshot;

TEST(Tree, OfAPythonProgram) {
  EXPECT_TRUE(matches_snapshot("tree_python", tree_text(python_program().gathered(), {}, kNarrow)));
}

TEST(Tree, ByTotal) {
  EXPECT_TRUE(matches_snapshot("tree_total", tree_text(python_program().gathered(), {.by = Measure::total}, kNarrow)));
}

TEST(Tree, OfANativeProgram) {
  EXPECT_TRUE(matches_snapshot("tree_native", tree_text(native_program().gathered(), {}, kNarrow)));
}

TEST(Tree, SaysWhatItLeavesOut) {
  Made made;
  for (std::uint32_t i = 0; i < 20; ++i) {
    made.stack({native("leaf" + std::to_string(i), "a.cc", i), native("main", "a.cc", 1)}, kib(100 - i, 100, 0, 0));
  }
  EXPECT_TRUE(matches_snapshot("tree_limited", tree_text(made.gathered(), {.limit = 4}, kNarrow)));
}

TEST(Tree, HasTheSumOfWhatIsCalled) {
  const Stacks stacks = python_program().gathered();
  const CallTree tree = call_tree(stacks);
  EXPECT_DOUBLE_EQ(tree.nodes[0].amounts[0].bytes, stacks.sums[0].bytes);
  for (const CallTree::Node& node : tree.nodes) {
    double children = 0;
    for (const std::uint32_t child : node.children) children += tree.nodes[child].amounts[1].bytes;
    EXPECT_LE(children, node.amounts[1].bytes * (1 + 1e-12));
  }
}

TEST(Tree, OfAVeryDeepStackDoesNotTakeOursWithIt) {
  Made made;
  std::vector<Line> lines;
  for (std::uint32_t i = 0; i < 100'000; ++i) lines.push_back(native("f", "a.cc", i % 3));
  made.stack(std::move(lines), kib(1, 1, 1, 0));
  EXPECT_FALSE(tree_text(made.gathered(), {.limit = 0}, kNarrow).empty());
}

TEST(Tree, OfNothing) {
  EXPECT_EQ(tree_text(Made().gathered(), {}, kNarrow), "nothing was recorded\n");
}

}  // namespace
}  // namespace fittest::heap
