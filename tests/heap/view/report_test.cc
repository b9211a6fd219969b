// What `fittest heap report` prints: snapshots, to be read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../report/snapshot.h"
#include "heap/view/json.h"
#include "heap/view/summary.h"
#include "profiles.h"
#include "report/width.h"

namespace fittest::heap {
namespace {

using report::matches_snapshot;

void expect_narrow(const std::string& text) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    EXPECT_LE(report::display_width(line), 80U) << line;
    begin = end + 1;
  }
}

TEST(Report, SummaryOfAPythonProgram) {
  const Made made = python_program();
  const std::string text = summary_text(made.profile, made.gathered(), {}, kNarrow);
  EXPECT_TRUE(matches_snapshot("summary_python", text));
  expect_narrow(text);
}

TEST(Report, SummaryOfANativeProgramThatWasCutOff) {
  const Made made = native_program();
  const std::string text = summary_text(made.profile, made.gathered(), {.frames_limit = 2}, kNarrow);
  EXPECT_TRUE(matches_snapshot("summary_native", text));
  expect_narrow(text);
}

TEST(Report, SummaryOfCountersAlone) {
  Made made = native_program();
  made.profile.mode = trace::Mode::count;
  EXPECT_TRUE(matches_snapshot("summary_count", summary_text(made.profile, made.gathered(), {}, kNarrow)));
}

TEST(Report, APathThatIsTooLongStaysWhole) {
  Made made;
  made.profile.file = "/" + std::string(100, 'x') + "/a.heap";
  EXPECT_THAT(process_text(made.profile, kNarrow), ::testing::HasSubstr(made.profile.file + ":"));
}

TEST(Report, SummaryWithNothingRecorded) {
  Made made;
  made.profile.ending = Ending::running;
  EXPECT_TRUE(matches_snapshot("summary_nothing", summary_text(made.profile, made.gathered(), {}, kNarrow)));
}

TEST(Report, RankingsByEachMeasure) {
  const Made made = python_program();
  const Stacks stacks = made.gathered();
  for (const Measure measure : kMeasures) {
    const std::string text = ranking_text(stacks, {.by = measure, .limit = 2}, kNarrow);
    EXPECT_TRUE(matches_snapshot("top_" + std::string(word(measure)), text));
  }
}

TEST(Report, LongNamesAreCutOnATerminalAlone) {
  Made made;
  made.stack({native("ns::transform<std::map<std::string, std::vector<int>>, ns::policy>(std::map<std::string, int>&)",
                     "/srv/a/rather/deep/tree/of/folders/with/a/file/in/it/transform.cc", 1234),
              native("short", "/srv/a/rather/deep/tree/of/folders/with/a/file/in/it/that/is/long/transform.cc", 5)},
             kib(1, 1, 1, 0));
  made.add_up();
  EXPECT_TRUE(matches_snapshot("long_names", ranking_text(made.gathered(), {}, kNarrow) + "---\n" +
                                                 ranking_text(made.gathered(), {}, kUnlimited)));
}

TEST(Report, ColoursOnATerminal) {
  const Look look{80, report::Style(true)};
  EXPECT_TRUE(matches_snapshot("top_coloured", ranking_text(native_program().gathered(), {.limit = 1}, look)));
}

TEST(Report, HistogramHasAtMostADozenRows) {
  Histogram sizes;
  for (int i = 0; i < 40; ++i) sizes.counts.push_back(i % 7 == 0 ? 0 : i * 1000);
  EXPECT_TRUE(matches_snapshot("histogram_wide", histogram_text(sizes, kNarrow)));
  EXPECT_EQ(histogram_text({}, kNarrow), "");
}

TEST(Report, JsonHasEveryStackAndItsError) {
  const Made made = python_program();
  const auto json = report_json(made.profile, made.gathered(), Measure::leaked, 0);
  EXPECT_TRUE(matches_snapshot("report_json", json.dump(1)));
  EXPECT_EQ(json["stacks"].size(), 3U);
  EXPECT_EQ(report_json(made.profile, made.gathered(), Measure::leaked, 1)["stacks"].size(), 1U);
}

TEST(Measures, AreNamedAsTheUserTypesThem) {
  for (const Measure measure : kMeasures) EXPECT_EQ(measure_from(word(measure)), measure);
  EXPECT_EQ(measure_from("most"), std::nullopt);
}

TEST(Measures, FiguresThatAreNoneAreShownAsNothing) {
  EXPECT_EQ(bytes_text(-3), "0 B");
  EXPECT_EQ(bytes_text(std::numeric_limits<double>::quiet_NaN()), "0 B");
  EXPECT_EQ(share_text(1, 0), "-");
  EXPECT_EQ(error_text({.bytes = 100, .count = 1, .variance = 0}), "");
  EXPECT_EQ(error_text({.bytes = 100, .count = 1, .variance = 25}), " ± 10 %");
}

}  // namespace
}  // namespace fittest::heap
