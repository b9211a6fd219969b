// A real interpreter, started with the bundle.
#include "suite/pytest/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "programs.h"
#include "suite/pytest/channel.h"
#include "suite/pytest/pytest_suite.h"

namespace fittest::suite::pytest {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// What a conftest sees of its interpreter.
constexpr const char* kLook = R"(
import importlib, json, linecache, os, sys
seen = {"path": sys.path, "argv": sys.argv, "main": sys.modules["__main__"].__dict__.get("__file__"),
        "files": [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.islink(entry.path)]}
modules = {}
for name in NAMES:
    try:
        module = importlib.import_module(name)
        modules[name] = [module.__spec__.origin, linecache.getline(module.__spec__.origin, 1)]
    except ImportError as problem:
        modules[name] = [None, str(problem)]
seen["modules"] = modules
json.dump(seen, open(os.environ["SEEN"], "w"))
)";
const std::vector<std::string> kModules{"fittest_pytest",         "fittest_pytest.session", "fittest_pytest.worker",
                                        "fittest_pytest.options", "fittest_pytest.own",     "fittest_pytest.meter",
                                        "fittest_pytest.results", "fittest_pytest.taint",   "fittest_pytest.wire",
                                        "fittest_pytest.zygote",  "fittest_pytest.fixtures"};

class BundleTest : public testing::Test {
 protected:
  BundleTest() {
    folder_.file("suite/pytest.ini", "[pytest]\n");
    folder_.file("suite/test_a.py", "def test_x(): pass\n");
    folder_.file("suite/conftest.py", "NAMES = " + json(kModules).dump() + "\n" + kLook);
  }

  // Starts a bundle in the folder of the suite.
  Ended start(json setup, const std::vector<std::string>& arguments, std::vector<int> keep = {}) {
    auto bundle = make_bundle(test_python(), std::move(setup), arguments);
    if (!bundle) throw std::runtime_error(bundle.error().text());
    keep.push_back(bundle->content.get());
    return run(bundle->command, std::move(keep));
  }

  Ended run(std::vector<std::string> command, std::vector<int> keep = {}) {
    ProcessOrder order;
    order.command = {"env", "--chdir=" + (folder_.path() / "suite").string()};
    order.command.insert(order.command.end(), command.begin(), command.end());
    order.environment = {"SEEN=" + seen_file().string(), "PYTHONDONTWRITEBYTECODE=1", "PYTEST_ADDOPTS="};
    order.keep = std::move(keep);
    return run_program(order);
  }

  // As the session that only collects: it needs no more of fittest than a connection.
  Ended start_session(std::vector<std::string> arguments) {
    auto channel = make_connection();
    auto control = make_connection();
    if (!channel || !control) throw std::runtime_error("no connection");
    arguments.insert(arguments.end(), {"--collect-only", "-q", "-p", "no:cacheprovider"});
    return start({{"role", "session"},
                  {"channel", channel->second.get()},
                  {"control", control->second.get()},
                  {"isolation", "none"},
                  {"columns", 80},
                  {"color", false},
                  {"exit_without_pytest", kNoPytest}},
                 arguments, {channel->second.get(), control->second.get()});
  }

  [[nodiscard]] std::filesystem::path seen_file() const { return folder_.path() / "seen.json"; }
  [[nodiscard]] json seen() const { return json::parse(read_file(seen_file())); }

  TemporaryFolder folder_;
};

TEST_F(BundleTest, EveryModuleIsImportableFromMemory) {
  const Ended ended = start_session({});
  ASSERT_EQ(ended.status.code(), 0) << ended.output << ended.error;
  const json modules = seen()["modules"];
  for (const std::string& name : kModules) {
    ASSERT_TRUE(modules[name][0].is_string()) << name << ": " << modules[name][1];
    EXPECT_THAT(modules[name][0].get<std::string>(), HasSubstr("<fittest>/")) << name;
    EXPECT_THAT(modules[name][1].get<std::string>(), HasSubstr("\"\"\"")) << "tracebacks show its lines: " << name;
  }
}

TEST_F(BundleTest, TheInterpreterLooksAsTheCommandPytestMakesIt) {
  const std::vector<std::string> arguments{"--deselect", "a b 'c' \"d\"\n\xc3\xa4", "--color=no"};
  ASSERT_EQ(start_session(arguments).status.code(), 0);
  const json ours = seen();
  // The command: a script in some folder, which Python puts in front of sys.path.
  const auto script =
      folder_.file("bin/pytest", "import sys\nfrom pytest import console_main\nsys.exit(console_main())\n");
  std::vector<std::string> command{test_python(), script.string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.insert(command.end(), {"--collect-only", "-q", "-p", "no:cacheprovider"});
  ASSERT_EQ(run(command).status.code(), 0);
  const json theirs = seen();

  std::vector<std::string> path = theirs["path"];
  ASSERT_FALSE(path.empty());
  const auto script_folder = std::find(path.begin(), path.end(), script.parent_path().string());
  ASSERT_NE(script_folder, path.end());
  path.erase(script_folder);
  EXPECT_EQ(ours["path"].get<std::vector<std::string>>(), path);
  EXPECT_EQ(ours["argv"][0], "pytest");
  const auto behind_the_first = [](const json& all) {
    std::vector<std::string> words = all;
    words.erase(words.begin());
    return words;
  };
  EXPECT_EQ(behind_the_first(ours["argv"]), behind_the_first(theirs["argv"]));
}

TEST_F(BundleTest, TheFileOfTheBundleIsClosedOnceItIsRead) {
  ASSERT_EQ(start_session({}).status.code(), 0);
  const std::vector<std::string> files = seen()["files"];
  EXPECT_THAT(files, Contains(HasSubstr("socket:"))) << "the channel";
  EXPECT_THAT(files, Not(Contains(HasSubstr("memfd:fittest-pytest"))));
}

TEST_F(BundleTest, ARoleThatIsUnknownIsNamed) {
  const Ended ended = start({{"role", "nobody"}, {"exit_without_pytest", kNoPytest}}, {});
  EXPECT_EQ(ended.status.code(), 1);
  EXPECT_THAT(ended.error, HasSubstr("nobody"));
}

TEST_F(BundleTest, WithoutPytestTheExitCodeSaysSo) {
  auto bundle = make_bundle(test_python(), {{"role", "session"}, {"exit_without_pytest", kNoPytest}}, {});
  ASSERT_TRUE(bundle);
  std::vector<std::string> command = bundle->command;
  command.insert(command.begin() + 1, "-S");  // without site-packages, where pytest is
  const Ended ended = run(command, {bundle->content.get()});
  EXPECT_EQ(ended.status.code(), kNoPytest);
  EXPECT_THAT(ended.error, HasSubstr("cannot import pytest"));
  EXPECT_THAT(ended.error, HasSubstr("python"));
}

TEST_F(BundleTest, APytestThatIsTooOldIsNamedWithItsVersion) {
  folder_.file("old/pytest.py", "__version__ = '6.2.5'\n");
  auto bundle = make_bundle(test_python(), {{"role", "session"}, {"exit_without_pytest", kNoPytest}}, {});
  ASSERT_TRUE(bundle);
  std::vector<std::string> command{"env", "PYTHONPATH=" + (folder_.path() / "old").string()};
  command.insert(command.end(), bundle->command.begin(), bundle->command.end());
  const Ended ended = run(command, {bundle->content.get()});
  EXPECT_EQ(ended.status.code(), kNoPytest);
  EXPECT_THAT(ended.error, HasSubstr("pytest 6.2.5 is too old"));
}

TEST_F(BundleTest, ArgumentsOfAnyBytesAreTaken) {
  const Ended ended = start_session({"--deselect", "\xff\xfe", "-k", "test"});
  EXPECT_EQ(ended.status.code(), 0) << ended.output << ended.error;
}

}  // namespace
}  // namespace fittest::suite::pytest
