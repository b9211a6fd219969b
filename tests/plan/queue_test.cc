#include "plan/queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>

namespace fittest::plan {
namespace {

// A piece says itself what it needs: MiB by its begin, seconds by its end.
Least measure(const Piece& piece) {
  return {MiB(piece.begin % 1000), static_cast<double>(piece.end % 10)};
}
Piece piece(std::mt19937_64& random) {
  const auto begin = static_cast<Place>(random() % 1000);
  return {begin, begin + 1 + static_cast<Place>(random() % 100)};
}
bool any(const Piece&) {
  return true;
}

TEST(Queue, HoldsNothingAtFirst) {
  Queue queue({}, measure);
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.first());
  queue.push_front({3, 5});
  ASSERT_TRUE(queue.first());
  EXPECT_EQ(queue.piece(*queue.first()).begin, 3U);
}

TEST(Queue, WhatIsPutInFrontComesFirstHoweverOften) {
  Queue queue({{1, 2}, {2, 3}}, measure);
  for (Place place = 0; place < 10'000; ++place) queue.push_front({place, place + 1});
  for (Place place = 10'000; place-- > 0;) {
    ASSERT_EQ(queue.piece(*queue.first()).begin, place);
    queue.erase(*queue.first());
  }
  EXPECT_EQ(queue.piece(*queue.first()).end, 2U);
  EXPECT_EQ(queue.size(), 2U);
}

TEST(Queue, FindsTheFirstThatFitsBehindTheHead) {
  Queue queue({{900, 901}, {500, 501}, {40, 49}, {30, 31}}, measure);
  const auto head = queue.first();
  const auto small = queue.find_behind(*head, {MiB(100), MiB(100), 0}, any);
  ASSERT_TRUE(small);
  EXPECT_EQ(queue.piece(*small).begin, 40U);
  const auto quick = queue.find_behind(*head, {MiB(10), MiB(600), 1}, any);
  ASSERT_TRUE(quick);
  EXPECT_EQ(queue.piece(*quick).begin, 500U) << "done within a second";
  EXPECT_FALSE(queue.find_behind(*head, {MiB(10), MiB(10), 100}, any));
  EXPECT_FALSE(queue.find_behind(*head, {MiB(100), MiB(100), 0}, [](const Piece&) { return false; }));
}

TEST(Queue, DoesTheSameAsAListWould) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < random() % 60; ++i) pieces.push_back(piece(random));
    std::list<Piece> model(pieces.begin(), pieces.end());
    Queue queue(pieces, measure);
    for (int step = 0; step < 500; ++step) {
      ASSERT_EQ(queue.size(), model.size());
      if (random() % 3 == 0 || model.empty()) {
        const Piece added = piece(random);
        queue.push_front(added);
        model.push_front(added);
      } else if (random() % 4 == 0) {
        queue.erase(*queue.first());
        model.pop_front();
      } else if (random() % 4 == 0) {
        const Piece other = piece(random);
        queue.replace(*queue.first(), other);
        model.front() = other;
      } else {
        const Opening opening{MiB(random() % 1000), MiB(random() % 1000), static_cast<double>(random() % 10)};
        const auto found = queue.find_behind(*queue.first(), opening, any);
        const auto right = std::find_if(std::next(model.begin()), model.end(),
                                        [&](const Piece& each) { return opening.admits(measure(each)); });
        ASSERT_EQ(found.has_value(), right != model.end());
        if (found) {
          ASSERT_EQ(queue.piece(*found).begin, right->begin);
          queue.erase(*found);
          model.erase(right);
        }
      }
    }
  }
}

}  // namespace
}  // namespace fittest::plan
