#include "suite/pytest/interpreter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "programs.h"

namespace fittest::suite::pytest {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Sets $PATH and $PYTHON, and puts both back.
class InterpreterTest : public testing::Test {
 protected:
  InterpreterTest() {
    keep("PATH");
    keep("PYTHON");
    ::setenv("PATH", (first().string() + ":" + second().string()).c_str(), 1);
    ::unsetenv("PYTHON");
    fs::create_directories(first());
    fs::create_directories(second());
  }
  ~InterpreterTest() override {
    for (const auto& [name, value] : kept_) {
      value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
    }
  }

  [[nodiscard]] fs::path first() const { return folder_.path() / "first"; }
  [[nodiscard]] fs::path second() const { return folder_.path() / "second"; }

  static void program(const fs::path& file) {
    fs::create_directories(file.parent_path());
    fs::copy_file("/proc/self/exe", file);
    fs::permissions(file, fs::perms::owner_all);
  }

  TemporaryFolder folder_;

 private:
  void keep(const char* name) {
    const char* value = std::getenv(name);
    kept_.emplace_back(name, value != nullptr ? std::optional<std::string>(value) : std::nullopt);
  }
  std::vector<std::pair<std::string, std::optional<std::string>>> kept_;
};

TEST_F(InterpreterTest, IsTheFirstPython3OfPath) {
  program(second() / "python3");
  auto found = find_interpreter({}, {});
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->path, (second() / "python3").string());
  EXPECT_EQ(found->source, "python3 of PATH");
  program(first() / "python3");
  EXPECT_EQ(find_interpreter({}, {})->path, (first() / "python3").string());
}

TEST_F(InterpreterTest, PassesOverWhatCannotBeExecuted) {
  fs::create_directories(first() / "python3");  // a folder of that name
  program(second() / "python3");
  EXPECT_EQ(find_interpreter({}, {})->path, (second() / "python3").string());
  fs::remove_all(first() / "python3");
  folder_.file("first/python3", "no program");
  EXPECT_EQ(find_interpreter({}, {})->path, (second() / "python3").string());
}

TEST_F(InterpreterTest, TheVariableIsStrongerThanPathAndWhatIsAskedForThanBoth) {
  program(first() / "python3");
  program(second() / "python3.12");
  const fs::path mine = folder_.path() / "mine" / "python";
  program(mine);
  ::setenv("PYTHON", "python3.12", 1);
  auto found = find_interpreter({}, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, (second() / "python3.12").string());
  EXPECT_EQ(found->source, "$PYTHON");
  found = find_interpreter(mine.string(), "--python");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, mine.string());
  EXPECT_EQ(found->source, "--python");
  ::setenv("PYTHON", "", 1);
  EXPECT_EQ(find_interpreter({}, {})->path, (first() / "python3").string()) << "empty is as if not set";
}

TEST_F(InterpreterTest, ALinkIsKeptAsItIs) {
  // A virtual environment's python is one: where it leads is another interpreter to Python.
  program(folder_.path() / "real" / "python3.11");
  fs::create_symlink(folder_.path() / "real" / "python3.11", first() / "python3");
  EXPECT_EQ(find_interpreter({}, {})->path, (first() / "python3").string());
}

TEST_F(InterpreterTest, WhatIsNotThereIsNamedWithItsSourceAndTheWayOut) {
  const auto missing = [](const Result<Interpreter>& found) { return found ? "found" : found.error().text(); };
  EXPECT_THAT(missing(find_interpreter("no-such", "--python")),
              testing::AllOf(HasSubstr("--python"), HasSubstr("'no-such'"), HasSubstr("  -> ")));
  EXPECT_THAT(missing(find_interpreter({}, {})), testing::AllOf(HasSubstr("python3 of PATH"), HasSubstr("$PYTHON")));
  ::setenv("PYTHON", "/no/such/python", 1);
  EXPECT_THAT(missing(find_interpreter({}, {})), HasSubstr("'/no/such/python'"));
  EXPECT_THAT(missing(find_interpreter(first().string(), "fittest.toml:3")), HasSubstr("fittest.toml:3")) << "a folder";
}

TEST_F(InterpreterTest, AnEmptyPartOfPathIsTheCurrentFolder) {
  program(first() / "python3");
  const fs::path before = fs::current_path();
  fs::current_path(first());
  ::setenv("PATH", ":/no/such/folder", 1);
  const auto found = find_interpreter({}, {});
  fs::current_path(before);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(fs::path(found->path).lexically_normal(), "python3");
}

}  // namespace
}  // namespace fittest::suite::pytest
