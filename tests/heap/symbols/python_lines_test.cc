#include "heap/symbols/python_lines.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "noise.h"
#include "output_of.h"

namespace fittest::heap {
namespace {

Code code_of(std::uint32_t minor, std::uint32_t first_line, std::string table) {
  return {"f", "f.py", first_line, minor, std::move(table)};
}

// The line of every instruction of `most` code objects, against what `python` itself says. Returns how many
// instructions were compared.
std::size_t compare(const std::string& python, int minor, int most) {
  const Output output =
      output_of(python + " -I " FITTEST_SOURCE_FOLDER "/tests/heap/symbols/code_lines.py " + std::to_string(most));
  EXPECT_TRUE(output.succeeded) << python;
  std::istringstream text(output.text);
  std::size_t compared = 0;
  std::size_t wrong = 0;
  for (std::string row; std::getline(text, row);) {
    const auto json = nlohmann::json::parse(row);
    Code code = code_of(static_cast<std::uint32_t>(minor), json["first"].get<std::uint32_t>(),
                        from_hex(json["table"].get<std::string>()));
    const PythonLines lines(code);
    code.line_table = line_table_without_columns(code);
    const PythonLines alone(code);
    const auto& changes = json["lines"];
    std::uint32_t expected = 0;
    std::size_t next = 0;
    for (std::uint32_t offset = 0; offset < json["size"].get<std::uint32_t>(); offset += 2) {
      while (next < changes.size() && changes[next][0].get<std::uint32_t>() <= offset) {
        expected = changes[next++][1].get<std::uint32_t>();
      }
      ++compared;
      if (lines.at(offset) == expected && alone.at(offset) != expected && ++wrong <= 5) {
        ADD_FAILURE() << json["name"] << " at " << offset << ": line " << alone.at(offset) << " without columns, not "
                      << expected;
      }
      if (lines.at(offset) != expected && ++wrong <= 5) {
        ADD_FAILURE() << json["name"] << " at " << offset << ": line " << lines.at(offset) << ", not " << expected;
      }
    }
  }
  EXPECT_EQ(wrong, 0U);
  return compared;
}

class TableOfInterpreter : public testing::TestWithParam<int> {};

TEST_P(TableOfInterpreter, agrees_on_the_standard_library) {
  std::string why;
  const Interpreter interpreter = interpreter_of(GetParam(), why);
  if (interpreter.program.empty()) GTEST_SKIP() << why;
  EXPECT_GT(compare(interpreter.program, GetParam(), 4000), 100000U);
}

INSTANTIATE_TEST_SUITE_P(PythonLines, TableOfInterpreter, testing::Range(9, 15),
                         [](const auto& test) { return "python_3_" + std::to_string(test.param); });

TEST(PythonLines, agree_with_the_python_that_runs_the_tests) {
  const char* named = std::getenv("FITTEST_TEST_PYTHON");
  const std::string python = named == nullptr ? "python3" : named;
  const Output minor = output_of(python + " -c 'import sys; print(sys.version_info[1])'");
  if (!minor.succeeded) GTEST_SKIP() << "no python3";
  const int version = std::stoi(minor.text);
  if (version < 9) GTEST_SKIP() << "Python 3." << version;
  EXPECT_GT(compare(python, version, 1000), 10000U);
}

TEST(PythonLines, know_nothing_behind_a_table_that_was_cut_off) {
  // Two entries of one code unit: the line moves by 1, and again.
  const std::string whole("\xD8\0\0\xD8\0\0", 6);
  const PythonLines both(code_of(12, 7, whole));
  EXPECT_EQ(both.at(0), 8U);
  EXPECT_EQ(both.at(2), 9U);
  EXPECT_EQ(both.at(4), 0U);
  const PythonLines one(code_of(12, 7, whole.substr(0, 3)));
  EXPECT_EQ(one.at(0), 8U);
  EXPECT_EQ(one.at(2), 0U);
  EXPECT_EQ(PythonLines(code_of(10, 7, "")).at(0), 0U);
  EXPECT_EQ(PythonLines(code_of(9, 7, "")).at(0), 7U);
}

// Valid tables and noise, cut, with bytes changed: never a crash, an endless loop or a line below 1 told as one.
TEST(PythonLines, survive_noise) {
  std::mt19937_64 random = noise();
  for (std::uint64_t round = 0, rounds = noise_rounds(30000); round < rounds; ++round) {
    std::string table;
    for (std::size_t n = random() % 60; n > 0; --n) {
      const std::uint64_t kind = random() % 4;
      table += static_cast<char>(kind == 0 ? random() : kind == 1 ? 0xE8 + random() % 24 : kind == 2 ? 0x7F : 0x80);
    }
    const auto minor = static_cast<std::uint32_t>(8 + random() % 8);
    const auto first = static_cast<std::uint32_t>(random() % 2 == 0 ? random() : random() % 100);
    const PythonLines lines(code_of(minor, first, table));
    for (std::uint32_t offset = 0; offset < 40; offset += 2) (void)lines.at(offset);
    (void)lines.at(UINT32_MAX);
  }
}

}  // namespace
}  // namespace fittest::heap
