#include "heap/view/source_block.h"

#include <gtest/gtest.h>

namespace fittest::heap {
namespace {

const std::vector<std::string> kSource = split_lines(R"py(import x
@decorated(
    "with):", more
)
@profile
def first(a, b=")",
          c='#'):
    """A string
that falls back ): """
    if a:
        return b  # (

    # a comment

# another
class Second:
    async def method(self): return [
1,
    ]

    @property
    # why not
    @profile(precision=3)
    def value(self):
	return 1
f = lambda: [1]
def last():
    return 'it\'s' + \
"x"
)py");

TEST(SourceBlock, EndsWhereTheIndentationFallsBack) {
  EXPECT_EQ(python_block_end(kSource, 1), 11U);  // from the decorator to the last line with code
  EXPECT_EQ(python_block_end(kSource, 5), 11U);
  EXPECT_EQ(python_block_end(kSource, 15), 25U);  // a class with what is in it
  EXPECT_EQ(python_block_end(kSource, 16), 19U);
  EXPECT_EQ(python_block_end(kSource, 20), 25U);
}

TEST(SourceBlock, OfALambdaIsItsLine) {
  EXPECT_EQ(python_block_end(kSource, 25), 26U);
}

TEST(SourceBlock, EndsWithTheFile) {
  EXPECT_EQ(python_block_end(kSource, 26), kSource.size());
  EXPECT_EQ(python_block_end(kSource, 500), 500U);
  EXPECT_EQ(python_block_end({}, 0), 0U);
}

TEST(SourceBlock, KnowsThePlainDecorator) {
  EXPECT_TRUE(is_marked_profile(kSource, 1));
  EXPECT_TRUE(is_marked_profile(kSource, 20));
  EXPECT_FALSE(is_marked_profile(kSource, 16));
  EXPECT_FALSE(is_marked_profile(kSource, 26));
  EXPECT_FALSE(is_marked_profile(split_lines("@profiled\ndef f(): pass"), 0));
  EXPECT_FALSE(is_marked_profile(split_lines("x = 1\n@profile\ndef f(): pass"), 0));
}

TEST(SourceBlock, LinesEndAsTheyDo) {
  EXPECT_EQ(split_lines("a\r\nb\n\nc"), (std::vector<std::string>{"a", "b", "", "c"}));
  EXPECT_TRUE(split_lines("").empty());
}

}  // namespace
}  // namespace fittest::heap
