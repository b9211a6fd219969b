#include "heap/view/source_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../report/snapshot.h"
#include "profiles.h"

namespace fittest::heap {
namespace {

using report::matches_snapshot;
using ::testing::HasSubstr;

const std::string kLoader = R"py(import csv


class Loader:
    """Reads tables."""

    def __init__(self, path):
        self.path = path

    @timed
    @profile
    def load(self):
        # All of it at once.
        rows = [list(self.parse(line)) for line in open(self.path)]
        self.rows = rows + self.parse("")
        return rows

    def parse(self, line):
        """One line,
        field by field."""

        return tuple(field.strip() for field in line.split(","))


done = True
)py";

std::optional<std::string> source_of(const std::string& file) {
  if (file == "/srv/app/loader.py") return kLoader;
  if (file == "/srv/app/parse.cc") {
    std::string text;
    for (int i = 1; i <= 60; ++i) text += "  call_" + std::to_string(i) + "();\n";
    return text;
  }
  return std::nullopt;
}

Made program() {
  Made made = python_program();
  made.profile.codes[0].first_line = 10;
  return made;
}

std::string lines(const Made& made, SourceLinesOptions options, const Look& look = kNarrow) {
  const auto text = source_lines_text(made.gathered(), made.profile.codes, source_of, options, look);
  return text ? *text : text.error().text() + "\n";
}

TEST(SourceLines, OfWhatIsMarked) {
  EXPECT_TRUE(matches_snapshot("lines_marked", lines(program(), {})));
}

TEST(SourceLines, OfWhatIsChosenByName) {
  EXPECT_TRUE(
      matches_snapshot("lines_chosen", lines(program(), {.functions = {"Loader.*"}, .by = Measure::temporary})));
}

TEST(SourceLines, WithoutTheSource) {
  EXPECT_TRUE(matches_snapshot("lines_without_source", lines(program(), {.functions = {"remember"}})));
}

TEST(SourceLines, OfNativeFunctions) {
  EXPECT_TRUE(matches_snapshot("lines_native", lines(native_program(), {.functions = {"parse"}})));
}

TEST(SourceLines, ARecursiveFunctionIsCountedOnce) {
  Made made;
  made.stack({python("walk", "/srv/app/walk.py", 3), python("walk", "/srv/app/walk.py", 4),
              python("walk", "/srv/app/walk.py", 4)},
             kib(10, 10, 0, 0));
  made.add_up();
  EXPECT_THAT(lines(made, {.functions = {"walk"}}), HasSubstr("     4     10 KiB     10 KiB            1\n"));
}

TEST(SourceLines, SayWhenNothingIsChosen) {
  EXPECT_THAT(lines(native_program(), {}), HasSubstr("no function that allocated is marked @profile"));
  EXPECT_THAT(lines(program(), {.functions = {"nothing*"}}), HasSubstr("nothing*"));
}

}  // namespace
}  // namespace fittest::heap
