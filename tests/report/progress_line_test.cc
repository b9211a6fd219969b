#include "report/progress_line.h"

#include <gtest/gtest.h>

#include "report/width.h"

namespace fittest::report {
namespace {

const Style kNoColor(false);

Progress middle() {
  Progress now;
  now.tests = 8669;
  now.done = 4334;
  now.failures = 3;
  now.workers = 2;
  now.held = MiB(2150);
  now.budget = GiB(4);
  now.left = 83;
  return now;
}

TEST(ProgressLine, WhatMattersLeastGoesFirst) {
  EXPECT_EQ(progress_line(middle(), 100, kNoColor),
            "fittest  4,334/8,669  3 failed  2 workers  [##########----------]  2.1/4.0 GiB  83 s left");
  EXPECT_EQ(progress_line(middle(), 79, kNoColor),
            "fittest  4,334/8,669  3 failed  2 workers  [#####-----]  2.1/4.0 GiB  83 s left");
  EXPECT_EQ(progress_line(middle(), 60, kNoColor), "4,334/8,669  3 failed  [######-----]  2.1/4.0 GiB  83 s left");
  EXPECT_EQ(progress_line(middle(), 40, kNoColor), "4,334/8,669  3 failed  2.1/4.0 GiB");
  EXPECT_EQ(progress_line(middle(), 20, kNoColor), "4,334/8,669");
  EXPECT_EQ(progress_line(middle(), 5, kNoColor), "4,334");
}

TEST(ProgressLine, Collecting) {
  Progress now;
  now.held = MiB(120);
  now.budget = GiB(4);
  now.elapsed = 12;
  EXPECT_EQ(progress_line(now, 60, kNoColor), "fittest  collecting  [--------------]  120 MiB/4.0 GiB  12 s");
}

TEST(ProgressLine, AlwaysFits) {
  Progress now = middle();
  now.tests = 4'000'000'000;
  now.done = 3'999'999'999;
  now.failures = 3'999'999'999;
  now.held = GiB(900);
  now.left = 1e12;
  for (unsigned columns = 1; columns < 200; ++columns) {
    for (const bool color : {false, true}) {
      EXPECT_LE(display_width(progress_line(now, columns, Style(color))), columns);
    }
  }
}

TEST(ProgressLine, BarIsFullWhenMoreThanTheBudgetIsHeld) {
  Progress now = middle();
  now.held = GiB(9);
  EXPECT_NE(progress_line(now, 80, kNoColor).find("###]"), std::string::npos);
  EXPECT_NE(progress_line(now, 80, Style(true)).find("\x1b[31m["), std::string::npos);
}

TEST(ProgressSentence, SaysTheSame) {
  EXPECT_EQ(progress_sentence(middle()), "4,334/8,669 tests done (49 %), 3 failed, 2.1/4.0 GiB held, 83 s left");
}

}  // namespace
}  // namespace fittest::report
