#include "heap/view/flame_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <nlohmann/json.hpp>

#include "profiles.h"

namespace fittest::heap {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

nlohmann::json data_of(const std::string& html) {
  const std::string begin = "id=\"data\">";
  const std::size_t at = html.find(begin) + begin.size();
  return nlohmann::json::parse(html.substr(at, html.find("</script>", at) - at));
}

TEST(FlameGraph, IsOneFileThatAsksNoNetwork) {
  const std::string html = flame_graph_html(python_program().gathered(), "app", "about", Measure::peak);
  EXPECT_THAT(html, HasSubstr("<!DOCTYPE html>"));
  EXPECT_THAT(html, HasSubstr("d3-flame-graph"));
  EXPECT_THAT(html, Not(HasSubstr("DATA")));
  EXPECT_FALSE(re2::RE2::PartialMatch(html, "(src|href) *= *[\"'] *(https?:)?//")) << "refers to another place";
  EXPECT_FALSE(re2::RE2::PartialMatch(html, "@import|url\\( *[\"']?http"));
}

TEST(FlameGraph, HoldsEveryMeasure) {
  const Stacks stacks = python_program().gathered();
  const auto data = data_of(flame_graph_html(stacks, "app", "about", Measure::leaked));
  EXPECT_EQ(data["first"], "leaked");
  EXPECT_EQ(data["measures"].size(), kMeasures.size());
  for (std::size_t i = 0; i < kMeasures.size(); ++i) {
    EXPECT_EQ(data["root"][1][i], static_cast<std::int64_t>(stacks.sums[i].bytes)) << i;
  }
  EXPECT_EQ(data["frames"][0][0], "app");
  EXPECT_EQ(data["frames"][data["root"][2][0][0].get<std::size_t>()][0], "<module>");
}

TEST(FlameGraph, OffersNoMeasureThatThereIsNothingOf) {
  Made made;
  made.stack({native("f", "", 0)}, kib(1, 1, 0, 0));
  const auto data = data_of(flame_graph_html(made.add_up().gathered(), "app", "", Measure::peak));
  EXPECT_EQ(data["measures"].size(), 2U);
  EXPECT_EQ(data["root"][1].size(), 2U);
}

TEST(FlameGraph, LeavesOutWhatNobodyCouldSee) {
  Made made;
  made.stack({native("large", "", 0)}, kib(1e6, 1e6, 0, 0));
  made.stack({native("tiny", "", 0)}, kib(1, 1, 0, 0));
  made.stack({native("tiny but leaked", "", 0)}, kib(1, 1, 1, 0));
  made.add_up();
  const auto data = data_of(flame_graph_html(made.gathered(), "app", "", Measure::peak));
  EXPECT_EQ(data["root"][2].size(), 2U);
}

TEST(FlameGraph, NamesCannotLeaveTheirElement) {
  Made made;
  made.stack({native("</script><script>alert(1)</script><!--", "\xff", 1)}, kib(1, 1, 1, 0));
  const std::string html = flame_graph_html(made.add_up().gathered(), "</script><b>", "<i>", Measure::peak);
  EXPECT_THAT(html, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
  EXPECT_EQ(data_of(html)["frames"][1][0], "</script><script>alert(1)</script><!--");
}

}  // namespace
}  // namespace fittest::heap
