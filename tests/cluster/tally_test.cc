#include "cluster/tally.h"

#include <gtest/gtest.h>

namespace fittest::cluster {
namespace {

TEST(Tally, SaysWhatThereIs) {
  EXPECT_EQ(progress_text({.pending = 3, .running = 4, .done = 5, .given_up = 0, .reason = "Resources"}),
            "fittest  12 groups: 3 pending (Resources), 4 running, 5 done");
  EXPECT_EQ(progress_text({.pending = 1, .running = 0, .done = 0, .given_up = 0, .reason = {}}),
            "fittest  1 group: 1 pending");
  EXPECT_EQ(progress_text({.pending = 0, .running = 0, .done = 1500, .given_up = 1, .reason = {}}),
            "fittest  1,501 groups: 1,500 done, 1 given up");
}

}  // namespace
}  // namespace fittest::cluster
