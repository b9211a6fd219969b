#include "cluster/ask.h"

#include <gtest/gtest.h>

namespace fittest::cluster {
namespace {

class Ask : public testing::Test {
 protected:
  Interruption interruption = *Interruption::watch();
};

TEST_F(Ask, GivesWhatAProgramSays) {
  const auto asked = ask({"bash", "-c", "echo out; echo err >&2; exit 3"}, interruption);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->answer.output, "out\n");
  EXPECT_EQ(asked->answer.error, "err\n");
  EXPECT_EQ(asked->answer.status.code(), 3);
  EXPECT_FALSE(asked->answer.ok());
  EXPECT_FALSE(asked->interrupted);
}

TEST_F(Ask, TakesMoreThanAPipeHolds) {
  const auto asked = ask({"bash", "-c", "printf '%1000000s' x"}, interruption);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->answer.output.size(), 1'000'000U);
  EXPECT_TRUE(asked->answer.ok());
}

TEST_F(Ask, SaysWhatIsNotThere) {
  const auto asked = ask({"fittest-no-such-program"}, interruption);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().where, "fittest-no-such-program");
}

TEST_F(Ask, EndsWhatTakesTooLong) {
  const auto asked = ask({"sleep", "1000"}, interruption, Signals::end_it, 0.05);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().where, "sleep");
}

TEST_F(Ask, EndsAtASignal) {
  const auto asked = ask({"bash", "-c", "kill -INT $PPID; exec sleep 1000"}, interruption);
  ASSERT_TRUE(asked);
  EXPECT_TRUE(asked->interrupted);
}

TEST_F(Ask, GoesToItsEndWhereTheAnswerIsNeeded) {
  const auto asked = ask({"bash", "-c", "kill -TERM $PPID; echo 17"}, interruption, Signals::wait_for_its_end);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->answer.output, "17\n");
  // The signal may be heard behind the end, but is not lost.
  EXPECT_TRUE(asked->interrupted || interruption.wait(10));
}

TEST_F(Ask, LeavesSignalsToTheProgram) {
  const auto asked = ask({"bash", "-c", "kill -INT $$; echo lived"}, interruption);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->answer.status.signal(), SIGINT);
}

}  // namespace
}  // namespace fittest::cluster
