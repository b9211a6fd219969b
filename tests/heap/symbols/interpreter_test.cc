// Stacks of the interpreters that people have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "heap/symbols/debug_file.h"
#include "heap/symbols/symbols.h"
#include "output_of.h"

namespace fittest::heap {
namespace {

class LoopOfInterpreter : public testing::TestWithParam<int> {};

TEST_P(LoopOfInterpreter, knows_the_loop) {
  std::string why;
  const Interpreter interpreter = interpreter_of(GetParam(), why);
  if (interpreter.program.empty()) GTEST_SKIP() << why;
  const std::string library = interpreter.folder + "/libpython3." + std::to_string(GetParam()) + ".so.1.0";
  std::istringstream symbols(output_of("nm -D --defined-only " + library).text);
  std::uint64_t loop = 0;
  std::uint64_t call = 0;
  for (std::string row; std::getline(symbols, row);) {
    if (row.ends_with(" _PyEval_EvalFrameDefault")) loop = std::stoull(row, nullptr, 16);
    if (row.ends_with(" PyObject_Call")) call = std::stoull(row, nullptr, 16);
  }
  ASSERT_NE(loop, 0U);
  ASSERT_NE(call, 0U);

  constexpr std::uint64_t kBias = 0x7F0000000000;
  Profile profile;
  profile.modules.push_back({library, build_id_of(open_regular(library)), kBias, kBias, kBias + (1U << 24)});
  // The line moves by 1 at the first instruction, in each version's table.
  const std::string table = GetParam() >= 11 ? std::string("\xD9\0\0", 3) : std::string("\4\1", 2);
  profile.codes.push_back({"f", "f.py", 10, static_cast<std::uint32_t>(GetParam()), table});
  Stack stack;
  stack.native = {{kBias + call + 5, 0}, {kBias + loop + 40, 0}, {kBias + call + 5, 0}, {kBias + loop + 80, 0}};
  stack.python = {{0, 0, true}, {0, 2, true}};
  Symbols names(profile, {});
  Line f;
  f.function = "f";
  f.file = "f.py";
  f.line = GetParam() == 9 ? 10 : 11;
  f.language = Language::python;
  Line second = f;
  EXPECT_THAT(names.lines(stack), testing::ElementsAre(f, second));
  Symbols all(profile, {.native = true, .debug_folders = {}});
  const auto lines = all.lines(stack);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0].function, "PyObject_Call");
  EXPECT_EQ(lines[2].function, "PyObject_Call");
  EXPECT_THAT(names.problems(), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Symbols, LoopOfInterpreter, testing::Range(9, 15),
                         [](const auto& test) { return "python_3_" + std::to_string(test.param); });

}  // namespace
}  // namespace fittest::heap
