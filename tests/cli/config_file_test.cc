#include "cli/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "support/mutated.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kEverything = R"(# Everything there is.
budget = "75 %"
isolation = "fork"
python = "env/bin/python"
domain = "cgroup-v1"
workers = 4
test-timeout = 2.5
retained-threshold = "128M"
history = "../h.db"
)";

Config parsed(const std::string& text, ConfigKind kind = ConfigKind::fittest_toml) {
  const auto config = parse_config(text, "dir/fittest.toml", kind);
  EXPECT_TRUE(config) << config.error().text();
  return config && *config ? **config : Config{};
}

std::string refused(const std::string& text, ConfigKind kind = ConfigKind::fittest_toml) {
  const auto config = parse_config(text, "fittest.toml", kind);
  EXPECT_FALSE(config) << text;
  return config ? "" : config.error().text();
}

TEST(ParseConfig, ReadsEveryKeyWithItsPlace) {
  const Config config = parsed(kEverything);
  EXPECT_EQ(config.file, "dir/fittest.toml");
  EXPECT_EQ(config.budget.value().value, "75 %");
  EXPECT_EQ(config.budget.value().source, "dir/fittest.toml:2");
  EXPECT_EQ(config.isolation.value().value, "fork");
  EXPECT_EQ(config.python.value().value, "dir/env/bin/python");
  EXPECT_EQ(config.domain.value().value, "cgroup-v1");
  EXPECT_EQ(config.workers.value().value, 4U);
  EXPECT_EQ(config.test_timeout.value().value, 2.5);
  EXPECT_EQ(config.retained_threshold.value().value, MiB(128));
  EXPECT_EQ(config.history.value().value, "h.db");
  EXPECT_EQ(config.history.value().source, "dir/fittest.toml:9");
}

TEST(ParseConfig, WhatIsNotWrittenIsNotThere) {
  const Config config = parsed("");
  EXPECT_FALSE(config.budget || config.isolation || config.python || config.domain || config.workers ||
               config.test_timeout || config.retained_threshold || config.history);
}

TEST(ParseConfig, WholeSecondsWorkersAutoAndAPythonToLookUp) {
  const Config config = parsed("workers = \"auto\"\ntest-timeout = 60\npython = \"python3.11\"");
  EXPECT_TRUE(config.workers && !config.workers->value);
  EXPECT_EQ(config.test_timeout.value().value, 60);
  EXPECT_EQ(config.python.value().value, "python3.11");
}

TEST(ParseConfig, PyprojectHasATableOfItsOwn) {
  const std::string text = "[project]\nname = \"x\"\n[tool.other]\nbudget = 1\n[tool.fittest]\nbudget = \"4G\"\n";
  const Config config = parsed(text, ConfigKind::pyproject_toml);
  EXPECT_EQ(config.budget.value().value, "4G");
  EXPECT_EQ(config.budget.value().source, "dir/fittest.toml:6");
}

TEST(ParseConfig, APyprojectThatDoesNotSpeakOfFittestIsNone) {
  for (const char* text : {"", "[project]\nname = 'x'", "not toml at all [[[", "[tool.pytest]\naddopts = 'fittest'"}) {
    const auto config = parse_config(text, "pyproject.toml", ConfigKind::pyproject_toml);
    ASSERT_TRUE(config) << text;
    EXPECT_FALSE(*config) << text;
  }
}

// What a person reads, each with the place and the remedy.
TEST(ParseConfig, MessagesNameThePlaceAndTheRemedy) {
  EXPECT_EQ(refused("a = 1\n"),
            "fittest.toml:1: unknown key 'a'\n"
            "  -> the keys are budget, isolation, python, domain, workers, test-timeout, retained-threshold, history, "
            "labels, chunk, heap, limit");
  EXPECT_EQ(refused("\nbudgte = \"4G\""), "fittest.toml:2: unknown key 'budgte'\n  -> did you mean 'budget'?");
  EXPECT_EQ(refused("Test_Timeout = 4"),
            "fittest.toml:1: unknown key 'Test_Timeout'\n  -> did you mean 'test-timeout'?");
  EXPECT_EQ(refused("[tool.fittest]\nbudget = '4G'"),
            "fittest.toml:1: unknown key 'tool'\n  -> here the settings stand at the top, without [tool.fittest]");
  EXPECT_EQ(refused("budget = 4"),
            "fittest.toml:1: 'budget' must be a size or a share in quotes, not an integer\n"
            "  -> write for example budget = \"4G\" or budget = \"75%\"");
  EXPECT_EQ(refused("budget = \"4X\""),
            "fittest.toml:1: 'budget' is malformed: '4X' is no size: unknown unit 'x'\n"
            "  -> write for example budget = \"4G\" or budget = \"75%\"");
  EXPECT_EQ(refused("isolation = \"frok\""),
            "fittest.toml:1: 'isolation' cannot be \"frok\"\n"
            "  -> did you mean \"fork\"? The words are auto, fork, spawn, none");
  EXPECT_EQ(refused("domain = \"zzzzzzzzz\""),
            "fittest.toml:1: 'domain' cannot be \"zzzzzzzzz\"\n"
            "  -> the words are auto, cgroup-v2, cgroup-v1, proc");
  EXPECT_EQ(refused("workers = 2.5"),
            "fittest.toml:1: 'workers' must be a number or \"auto\", not a floating-point number\n"
            "  -> write for example workers = 4, or workers = \"auto\"");
  EXPECT_EQ(refused("\n\nworkers = 0"),
            "fittest.toml:3: 'workers' must be from 1 to 4096, not 0\n"
            "  -> write for example workers = 4, or workers = \"auto\"");
  EXPECT_EQ(refused("history = [1]"),
            "fittest.toml:1: 'history' must be a path in quotes, not an array\n"
            "  -> write the value in quotes: history = \"...\"");
  EXPECT_EQ(refused("[tool]\nfittest = 3", ConfigKind::pyproject_toml),
            "fittest.toml:2: 'tool.fittest' must be a table\n  -> write [tool.fittest] and the settings below it");
}

TEST(ParseConfig, WhatIsOutOfRangeIsRefused) {
  for (const char* text : {"budget = '0'",
                           "budget = '0%'",
                           "budget = '101%'",
                           "budget = '%'",
                           "budget = 'nan%'",
                           "budget = '-4G'",
                           "budget = ''",
                           "workers = -1",
                           "workers = 5000",
                           "workers = 9223372036854775807",
                           "workers = 'many'",
                           "test-timeout = 0",
                           "test-timeout = -1.5",
                           "test-timeout = nan",
                           "test-timeout = inf",
                           "test-timeout = 1e300",
                           "test-timeout = '60'",
                           "test-timeout = true",
                           "retained-threshold = ''",
                           "retained-threshold = 'much'",
                           "history = ''",
                           "python = \"a\\u0000b\"",
                           "python = 1979-05-27",
                           "domain = {}",
                           "isolation = false"}) {
    EXPECT_THAT(refused(text), testing::AllOf(StartsWith("fittest.toml:1: '"), HasSubstr("\n  -> "))) << text;
  }
}

TEST(ParseConfig, WhatIsNoTomlIsNamedWithLineAndColumn) {
  EXPECT_THAT(refused("budget = \"4G\"\nworkers = = 3\n"), StartsWith("fittest.toml:2:11: not valid TOML: "));
  EXPECT_THAT(refused("budget = \"4G\"\nbudget = \"5G\"\n"), StartsWith("fittest.toml:2:"));
  EXPECT_THAT(refused("[tool.fittest\n", ConfigKind::pyproject_toml), StartsWith("fittest.toml:1:"));
  EXPECT_THAT(refused("budget = \"\xff\xfe\""), StartsWith("fittest.toml:1:"));
}

TEST(ParseConfig, GarbageIsRefusedOrReadNeverMore) {
  std::mt19937_64 random(8);
  int refusals = 0;
  const std::string alphabet = "[]{}=\"'#.,\n\r\t\\ -+_0129eEinfatrux:TZ\xc3\xa4\xff\0";
  for (int i = 0; i < 20'000; ++i) {
    const std::string whole = i % 2 == 0 ? kEverything : std::string("[tool.fittest]\n") + kEverything;
    const std::string text = mutated(whole, random, alphabet, 6);
    const auto config =
        parse_config(text, "f.toml", i % 2 == 0 ? ConfigKind::fittest_toml : ConfigKind::pyproject_toml);
    if (config) continue;
    ++refusals;
    EXPECT_THAT(config.error().where, StartsWith("f.toml:")) << text;
    EXPECT_FALSE(config.error().remedy.empty());
  }
  EXPECT_GT(refusals, 5'000);
}

TEST(ParseConfig, DeepNestingIsRefusedNotFatal) {
  EXPECT_NE(refused("history = " + std::string(100'000, '[')), "");
  EXPECT_NE(refused("a" + std::string(20'000, '.') + "a = 1"), "");
}

class ReadConfig : public testing::Test {
 protected:
  ReadConfig() {
    std::string name = (fs::temp_directory_path() / "fittest-config-XXXXXX").string();
    if (::mkdtemp(name.data())) folder_ = fs::canonical(name);
    fs::create_directories(folder_ / "a" / "b" / "c");
    // Whatever stands above the test's folder is no part of it.
    fs::create_directory(folder_ / ".git");
  }
  ~ReadConfig() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  ReadConfig(const ReadConfig&) = delete;
  ReadConfig& operator=(const ReadConfig&) = delete;

  void write(const fs::path& name, const std::string& text) const { std::ofstream(folder_ / name) << text; }
  [[nodiscard]] std::string budget_seen_from(const fs::path& name) const {
    const auto config = read_config(folder_ / name);
    if (!config) return config.error().text();
    return config->budget ? config->budget->value : "none";
  }

  fs::path folder_;
};

TEST_F(ReadConfig, NoFileIsNoSetting) {
  const auto config = read_config(folder_ / "a");
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->file.empty());
}

TEST_F(ReadConfig, TheNearestFolderWithSettingsCounts) {
  write("fittest.toml", "budget = '1G'");
  EXPECT_EQ(budget_seen_from("a/b/c"), "1G");
  write("a/b/pyproject.toml", "[tool.fittest]\nbudget = '2G'");
  EXPECT_EQ(budget_seen_from("a/b/c"), "2G");
  EXPECT_EQ(budget_seen_from("a"), "1G");
  write("a/b/c/pyproject.toml", "[tool.pytest]\nx = 1");
  EXPECT_EQ(budget_seen_from("a/b/c"), "2G") << "a pyproject.toml without the table is passed by";
}

TEST_F(ReadConfig, FittestTomlWinsOverPyprojectInTheSameFolder) {
  write("fittest.toml", "budget = '1G'");
  write("pyproject.toml", "[tool.fittest]\nbudget = '2G'");
  EXPECT_EQ(budget_seen_from("."), "1G");
  write("pyproject.toml", "[tool.fittest\nbroken");
  EXPECT_EQ(budget_seen_from("."), "1G");
}

TEST_F(ReadConfig, ARepositorysRootEndsTheSearch) {
  write("fittest.toml", "budget = '1G'");
  write("a/b/.git", "gitdir: elsewhere");
  EXPECT_EQ(budget_seen_from("a/b/c"), "none");
  write("a/b/fittest.toml", "budget = '2G'");
  EXPECT_EQ(budget_seen_from("a/b/c"), "2G") << "the root itself is looked at";
}

TEST_F(ReadConfig, ErrorsNameTheFile) {
  write("a/fittest.toml", "\nbudget = 4");
  EXPECT_THAT(budget_seen_from("a/b"), StartsWith((folder_ / "a" / "fittest.toml:2: ").string()));
}

TEST_F(ReadConfig, APlaceThatIsNoFileIsSaid) {
  fs::create_directory(folder_ / "a" / "fittest.toml");
  EXPECT_THAT(budget_seen_from("a"), HasSubstr("no regular file"));
  ASSERT_EQ(::mkfifo((folder_ / "a" / "b" / "fittest.toml").c_str(), 0600), 0);
  EXPECT_THAT(budget_seen_from("a/b"), HasSubstr("no regular file"));
  EXPECT_THAT(budget_seen_from("a/b/c"), HasSubstr("no regular file"));
  fs::create_symlink("nowhere", folder_ / "a" / "b" / "c" / "fittest.toml");
  EXPECT_THAT(budget_seen_from("a/b/c"), HasSubstr("no regular file"));
}

TEST_F(ReadConfig, AHugeFileIsNotRead) {
  write("fittest.toml", "");
  fs::resize_file(folder_ / "fittest.toml", std::uintmax_t{1} << 40);
  EXPECT_THAT(budget_seen_from("."), HasSubstr("larger than 16 MiB"));
}

TEST_F(ReadConfig, PathsStartFromTheFilesFolder) {
  write("a/fittest.toml", "history = 'x/h.db'\npython = './python'");
  const auto config = read_config(folder_ / "a" / "b");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->history.value().value, folder_ / "a" / "x" / "h.db");
  EXPECT_EQ(config->python.value().value, (folder_ / "a" / "python").string());
}

}  // namespace
}  // namespace fittest::cli
