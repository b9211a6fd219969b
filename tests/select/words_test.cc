#include <gtest/gtest.h>

#include "select/order.h"
#include "select/split.h"

namespace fittest::select {
namespace {

TEST(SelectWords, AreThoseThatUsersType) {
  for (const auto algorithm : {Algorithm::balanced, Algorithm::duration_based_chunks, Algorithm::least_duration}) {
    EXPECT_EQ(algorithm_from(name(algorithm)), algorithm);
  }
  EXPECT_EQ(algorithm_from("least"), std::nullopt);
  EXPECT_EQ(order_from("failed-first"), Order::failed_first);
  EXPECT_EQ(order_from("Random"), std::nullopt);
  EXPECT_EQ(bucket_from("class"), Bucket::class_);
  EXPECT_EQ(bucket_from(""), std::nullopt);
}

}  // namespace
}  // namespace fittest::select
