#include "select/measured_labels.h"

#include <gmock/gmock.h>

#include "select/fingerprint.h"

namespace fittest::select {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

MeasuredLabel label(const std::string& name, const std::string& meaning) {
  auto parsed = Expression::parse(meaning, "test");
  EXPECT_TRUE(parsed) << meaning;
  return {name, *parsed};
}

TestList four() {
  TestList tests;
  tests.add("a.py::test_a", {0, 0, false, tests.add_labels({"unit"})});
  tests.add("a.py::test_b", {0, 1, false, 0});
  tests.add("b.py::test_c", {1, 2, false, tests.add_labels({"unit", "heavy"})});
  tests.add("b.py::test_d", {1, 3, false, 0});
  return tests;
}

std::vector<Facts> facts_of(std::initializer_list<std::uint64_t> peaks) {
  std::vector<Facts> facts;
  for (const std::uint64_t peak : peaks) facts.push_back({true, MiB(peak), {}, 0.1, 1, Verdict::passed});
  return facts;
}

TEST(MeasuredLabels, MayBeMadeOfOthersWrittenAndMeasured) {
  const auto facts = facts_of({200, 300, 1, 2});
  const std::vector<MeasuredLabel> labels = {label("large", "peak > 100MB"), label("large_unit", "large and unit"),
                                             label("either", "large_unit or heavy")};
  EXPECT_THAT(measure(labels, four(), facts), ElementsAre(ElementsAre(0, 1), ElementsAre(0), ElementsAre(0, 2)));
}

TEST(MeasuredLabels, AddToThoseOfTheSameNameThatWereWritten) {
  const auto facts = facts_of({200, 1, 1, 1});
  const std::vector<MeasuredLabel> labels = {label("heavy", "peak > 100MB"), label("any", "heavy")};
  EXPECT_THAT(measure(labels, four(), facts), ElementsAre(ElementsAre(0), ElementsAre(0, 2)));
}

TEST(MeasuredLabels, OfUnknownTestsSayNothing) {
  const std::vector<MeasuredLabel> labels = {label("large", "peak > 100MB")};
  EXPECT_THAT(measure(labels, four(), std::vector<Facts>(4)), ElementsAre(IsEmpty()));
  EXPECT_THAT(measure({}, four(), std::vector<Facts>(4)), IsEmpty());
}

TEST(Fingerprint, ChangesWithEveryTestAndEveryGroup) {
  const std::vector<std::uint32_t> groups = {0, 1, 0, 1};
  const std::string one = fingerprint(four(), groups);
  EXPECT_EQ(one.size(), 16U);
  EXPECT_EQ(one, fingerprint(four(), groups));
  EXPECT_NE(one, fingerprint(four(), std::vector<std::uint32_t>{0, 1, 1, 0}));
  TestList more = four();
  more.add("", {});
  EXPECT_NE(one, fingerprint(more, std::vector<std::uint32_t>{0, 1, 0, 1, 0}));
  // The reference value of FNV-1a for no bytes.
  EXPECT_EQ(fingerprint({}, {}), "cbf29ce484222325");
}

}  // namespace
}  // namespace fittest::select
