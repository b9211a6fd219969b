// How tests are laid out, and how batches are cut from that.
#include "plan/pieces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "plan/batch.h"

namespace fittest::plan {
namespace {

using ::testing::ElementsAre;

TestSpec known(std::uint32_t file, Bytes peak, Seconds duration, bool shares_setup = false) {
  TestSpec spec;
  spec.prediction = {peak, duration, true, {}};
  spec.file = file;
  spec.group = file;
  spec.shares_setup = shares_setup;
  return spec;
}

struct Laid {
  explicit Laid(std::vector<TestSpec> given, Dist dist = Dist::load, std::uint64_t seed = 0,
                Sequence sequence = Sequence::quickest)
      : tests(std::move(given)), beliefs(tests) {
    std::vector<TestIndex> all(tests.size());
    std::iota(all.begin(), all.end(), 0U);
    layout = lay_out(all, tests, beliefs, machine, dist, sequence, seed);
  }
  [[nodiscard]] std::vector<std::vector<TestIndex>> pieces() const {
    std::vector<std::vector<TestIndex>> out;
    for (const Piece& piece : layout.pieces) {
      out.emplace_back();
      for (Place place = piece.begin; place != piece.end; ++place) out.back().push_back(layout.order.test(place));
    }
    return out;
  }
  [[nodiscard]] std::size_t cut(std::size_t piece, CutRules rules) const {
    return cut_batch(layout.order, beliefs, machine, layout.pieces.at(piece), rules).end - layout.pieces[piece].begin;
  }

  std::vector<TestSpec> tests;
  Machine machine{GiB(1), 2, MiB(10)};
  Beliefs beliefs;
  Layout layout;
};

using Tests = std::vector<TestIndex>;

TEST(Pieces, FilesInTheOrderOfTheirFirstTest) {
  const Laid laid({known(5, {}, 0.01), known(2, {}, 0.01), known(5, {}, 0.01), known(2, {}, 0.01)});
  EXPECT_THAT(laid.pieces(), ElementsAre(Tests{0, 2}, Tests{1, 3}));
  for (TestIndex test = 0; test < 4; ++test) EXPECT_EQ(laid.layout.order.test(laid.layout.order.place(test)), test);
}

TEST(Pieces, AsGivenNothingIsMovedToTheFront) {
  std::vector<TestSpec> tests{known(5, {}, 0.01), known(2, MiB(500), 9), known(5, {}, 0.01), known(5, {}, 0.01)};
  const Laid laid(tests, Dist::load, 0, Sequence::as_given);
  EXPECT_THAT(laid.pieces(), ElementsAre(Tests{0}, Tests{1}, Tests{2, 3}));
  for (const Piece& piece : laid.layout.pieces) EXPECT_FALSE(piece.urgent);
  const Laid files(tests, Dist::loadfile, 0, Sequence::as_given);
  EXPECT_THAT(files.pieces(), ElementsAre(Tests{0, 2, 3}, Tests{1}));
  const Laid single(tests, Dist::no, 0, Sequence::as_given);
  EXPECT_THAT(single.pieces(), ElementsAre(Tests{0, 1, 2, 3}));
}

TEST(Pieces, LongAndLargeOnesStandApartAndInFront) {
  std::vector<TestSpec> tests(6, known(0, MiB(1), 0.01));
  tests[2].prediction.duration = 3;
  tests[4].prediction.peak = MiB(800);
  EXPECT_THAT(Laid(tests).pieces(), ElementsAre(Tests{2}, Tests{4}, Tests{0, 1}, Tests{3}, Tests{5}));
}

TEST(Pieces, ASharedSetUpHoldsTogetherWhatWouldBeCut) {
  std::vector<TestSpec> tests(6, known(0, MiB(1), 0.01, true));
  tests[4].prediction.peak = MiB(800);
  EXPECT_THAT(Laid(tests).pieces(), ElementsAre(Tests{0, 1, 2, 3, 4, 5}));
  tests[4].prediction.peak = GiB(2);
  EXPECT_THAT(Laid(tests).pieces(), ElementsAre(Tests{4}, Tests{0, 1, 2, 3}, Tests{5})) << "it can only run alone";
}

TEST(Pieces, GroupsStayWholeAndTheLongestComesFirst) {
  std::vector<TestSpec> tests;
  for (std::uint32_t i = 0; i < 9; ++i) tests.push_back(known(i % 3, MiB(1), i % 3 == 1 ? 5 : 0.1));
  EXPECT_THAT(Laid(tests, Dist::loadfile).pieces(), ElementsAre(Tests{1, 4, 7}, Tests{0, 3, 6}, Tests{2, 5, 8}));
}

TEST(Pieces, WithoutDistributionAllIsOnePiece) {
  const Laid laid({known(1, {}, 9), known(0, GiB(3), 0.01), known(1, {}, 0.01)}, Dist::no);
  EXPECT_THAT(laid.pieces(), ElementsAre(Tests{0, 1, 2}));
}

TEST(Pieces, TheSeedBreaksTies) {
  std::vector<TestSpec> tests;
  for (std::uint32_t i = 0; i < 50; ++i) tests.push_back(known(i, {}, 0.01));
  EXPECT_EQ(Laid(tests, Dist::load, 7).pieces(), Laid(tests, Dist::load, 7).pieces());
  EXPECT_NE(Laid(tests, Dist::load, 7).pieces(), Laid(tests, Dist::load, 8).pieces());
}

TEST(Batch, IsCutAtItsTarget) {
  const Laid laid(std::vector<TestSpec>(100, known(0, MiB(1), 0.015625)));
  EXPECT_EQ(laid.cut(0, {0.4, 10, GiB(1)}), 25U);
  EXPECT_EQ(laid.cut(0, {0, 10, GiB(1)}), 1U) << "at least one";
}

TEST(Batch, IsCutWhereItNoLongerFits) {
  std::vector<TestSpec> tests(10, known(0, MiB(10), 0.01));
  for (TestSpec& test : tests) test.prediction.retained = MiB(5);
  const Laid laid(tests);
  EXPECT_EQ(laid.cut(0, {1, 10, MiB(25)}), 4U) << "3 x 5 retained + 10";
  EXPECT_EQ(laid.cut(0, {1, 10, Bytes{}}), 1U);
}

TEST(Batch, TakesAllThatShareTheSetUpUnlessThatIsLong) {
  std::vector<TestSpec> tests(60, known(0, MiB(1), 0.125, true));
  tests[0].shares_setup = false;
  tests[30].shares_setup = false;
  const Laid laid(tests);
  EXPECT_EQ(laid.cut(0, {0.4, 10, GiB(1)}), 30U);
  EXPECT_EQ(laid.cut(0, {0.4, 1, GiB(1)}), 8U);
}

TEST(Batch, NeverMixesLevels) {
  std::vector<TestSpec> tests(9, known(0, MiB(1), 0.01));
  tests[3].prediction.peak = tests[4].prediction.peak = MiB(500);
  const Laid laid(tests, Dist::no);
  EXPECT_EQ(laid.cut(0, {1, 10, GiB(1)}), 3U);
}

TEST(Batch, TargetsShrinkTowardsTheEnd) {
  EXPECT_DOUBLE_EQ(batch_target(1000, 4), kLongestBatch);
  EXPECT_LT(batch_target(2, 4), kLongestBatch);
  EXPECT_DOUBLE_EQ(batch_target(0, 4), kShortestBatch);
}

}  // namespace
}  // namespace fittest::plan
