#include "heap/view/diff.h"

#include <gtest/gtest.h>

#include "../../report/snapshot.h"
#include "profiles.h"

namespace fittest::heap {
namespace {

using report::matches_snapshot;

Made later() {
  Made made;
  made.profile.file = "later.heap";
  made.profile.program = "/usr/bin/python3.11";
  made.profile.counters = {30'000'000, 520'000'000, 2'400'000'000, 3'500'000, 3'400'000, 0, 0, 1};
  made.profile.milliseconds = 2900;
  made.stack({python("Loader.load", "/new/app/loader.py", 18), python("main", "/new/app/main.py", 35),
              python("<module>", "/new/app/main.py", 44)},
             sampled(kib(458'752, 524'288, 0, 0, 2048), 0.02));
  made.stack({python("Loader.parse", "/new/app/loader.py", 26), python("Loader.load", "/new/app/loader.py", 19),
              python("main", "/new/app/main.py", 35), python("<module>", "/new/app/main.py", 44)},
             sampled(kib(1030, 1'700'000, 512, 1'600'000, 4'000'000), 0.01));
  made.stack({python("index", "/new/app/index.py", 3), python("<module>", "/new/app/main.py", 45)},
             kib(10'240, 10'240, 10'240, 0, 3));
  return std::move(made.add_up());
}

TEST(Diff, OfTwoRuns) {
  const Made a = python_program();
  const Made b = later();
  EXPECT_TRUE(matches_snapshot("diff", diff_text(a.profile, a.gathered(), b.profile, b.gathered(), {}, kNarrow)));
  EXPECT_TRUE(matches_snapshot("diff_json", diff_json(a.profile, a.gathered(), b.profile, b.gathered(), {})));
}

TEST(Diff, OfTheSameIsNothing) {
  const Made a = python_program();
  const Diff found = diff(a.gathered(), a.gathered(), Measure::peak);
  EXPECT_TRUE(found.grown.empty());
  EXPECT_TRUE(found.shrunk.empty());
  EXPECT_EQ(found.unclear, 0U);
}

TEST(Diff, KeepsWhatSamplingExplainsApart) {
  Made a;
  Made b;
  a.stack({native("f", "", 0)}, sampled(kib(1000, 1000, 0, 0), 0.1));
  b.stack({native("f", "", 0)}, sampled(kib(1200, 1200, 0, 0), 0.1));
  const Diff found = diff(a.gathered(), b.gathered(), Measure::peak);
  EXPECT_TRUE(found.grown.empty());
  EXPECT_EQ(found.unclear, 1U);
  EXPECT_DOUBLE_EQ(found.unclear_bytes, 200 * 1024);
}

TEST(Diff, WithCountersAlone) {
  Made a = python_program();
  a.profile.mode = trace::Mode::count;
  const Made b = later();
  EXPECT_TRUE(matches_snapshot("diff_count", diff_text(a.profile, a.gathered(), b.profile, b.gathered(), {}, kNarrow)));
}

}  // namespace
}  // namespace fittest::heap
