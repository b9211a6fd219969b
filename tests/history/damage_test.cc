// Every kind of file that is no history this version can use.
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <random>

#include "fixture.h"

namespace fittest::history {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;

class DamageTest : public InFolder {
 protected:
  // A history of many pages, closed.
  void make_history(int tests = 2000) const {
    auto store = Store::open(file());
    std::vector<Outcome> results;
    for (int i = 0; i < tests; ++i) results.push_back(outcome("a.py::test_" + std::to_string(i), MiB(10)));
    one_run(store, "1", results);
  }
  void execute(const char* sql) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(file().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  // What a run does; nothing of it may throw. What it records is there afterwards, unless the damage was found later
  // still, and said.
  [[nodiscard]] std::vector<std::string> use() const {
    auto store = Store::open(file());
    std::vector<std::string> ids;
    for (int i = 0; i < 2000; ++i) ids.push_back("a.py::test_" + std::to_string(i));
    EXPECT_EQ(store.predict("pytest", ids).size(), ids.size());
    one_run(store, "2", {outcome("b.py::new", MiB(77)), outcome("a.py::test_1", MiB(10))});
    const auto known = store.all("pytest");
    const bool kept = std::ranges::any_of(known, [](const Known& test) { return test.id == "b.py::new"; });
    EXPECT_TRUE(kept || !store.notices().empty());
    return store.notices();
  }
};

TEST_F(DamageTest, AFileThatIsNoDatabaseIsSetAside) {
  for (const std::string& text : {std::string("hello"), std::string(10'000, 'x'), std::string(4096, '\0'),
                                  std::string("SQLite format 3\0 and no more", 28)}) {
    write(file(), text);
    const auto notices = use();
    ASSERT_EQ(notices.size(), 1U) << text.substr(0, 20);
    EXPECT_THAT(notices[0], HasSubstr("history.db.corrupt-1"));
    EXPECT_TRUE(contents(folder_ / "history.db.corrupt-1") == text) << "kept as it was";
    EXPECT_THAT(use(), IsEmpty()) << "the new one is whole";
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
  }
}

TEST_F(DamageTest, EachIsGivenANameOfItsOwn) {
  for (int i = 0; i < 3; ++i) {
    std::filesystem::remove(file());
    write(file(), "garbage " + std::to_string(i));
    (void)use();
  }
  EXPECT_THAT(names(), IsSupersetOf({"history.db.corrupt-1", "history.db.corrupt-2", "history.db.corrupt-3"}));
  EXPECT_EQ(contents(folder_ / "history.db.corrupt-3"), "garbage 2");
}

TEST_F(DamageTest, AnEmptyFileIsANewHistory) {
  write(file(), "");
  EXPECT_THAT(use(), IsEmpty());
}

TEST_F(DamageTest, AStrangersDatabaseIsSetAsideUnchanged) {
  execute("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1); PRAGMA user_version = 7");
  const std::string before = contents(file());
  EXPECT_THAT(use(), ElementsAre(HasSubstr("it is a database, but no history")));
  EXPECT_TRUE(contents(folder_ / "history.db.corrupt-1") == before);
}

TEST_F(DamageTest, ANewerVersionsFileIsSetAsideUnderItsVersion) {
  make_history();
  execute("PRAGMA user_version = 12");
  EXPECT_THAT(use(), ElementsAre(testing::AllOf(HasSubstr("newer version"), HasSubstr("history.db.v12-1"))));
  EXPECT_THAT(names(), Contains("history.db.v12-1"));
}

TEST_F(DamageTest, TheWrongTablesAreSetAside) {
  for (const char* sql : {"DROP TABLE result", "ALTER TABLE test DROP COLUMN peak", "PRAGMA user_version = 0",
                          "PRAGMA user_version = -3", "DROP TABLE suite; CREATE VIEW suite AS SELECT 1 AS key"}) {
    make_history(10);
    execute(sql);
    EXPECT_THAT(use(), ElementsAre(HasSubstr("history.db.corrupt-"))) << sql;
    std::filesystem::remove(file());
  }
}

TEST_F(DamageTest, AFileCutOffAnywhereEndsInAHistoryThatWorks) {
  make_history();
  const std::string whole = contents(file());
  ASSERT_GT(whole.size(), 20U * 4096);
  for (std::size_t size = whole.size() - 1; size > 1; size = size * 2 / 3) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    write(file(), whole.substr(0, size));
    EXPECT_THAT(use(), ElementsAre(HasSubstr("history.db.corrupt-1"))) << size;
  }
}

TEST_F(DamageTest, BytesChangedAnywhereNeverCrashNorLoseTheRun) {
  make_history(500);
  const std::string whole = contents(file());
  std::mt19937_64 random(6);
  int set_aside = 0;
  for (int i = 0; i < 60; ++i) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    std::string damaged = whole;
    for (std::uint64_t n = random() % 200 + 1; n > 0; --n)
      damaged[random() % (i % 3 == 0 ? 4096 : damaged.size())] = static_cast<char>(random());
    write(file(), damaged);
    // Damage in a figure cannot be seen; damage in the structure must be.
    if (!use().empty()) ++set_aside;
  }
  EXPECT_GT(set_aside, 20);
}

TEST_F(DamageTest, DamageFoundWhileRecordingDoesNotLoseWhatIsRecorded) {
  make_history();
  auto store = Store::open(file());
  const auto run = store.begin_run("pytest", "2");
  store.record(run, {outcome("b.py::first", MiB(1))});
  {
    // Everything but the first page, in place, as a failing disk would do.
    const auto size = static_cast<std::size_t>(std::filesystem::file_size(file()));
    std::fstream stream(file(), std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(4096);
    stream << std::string(size - 4096, '\xee');
  }
  std::vector<Outcome> results;
  for (int i = 0; i < 2000; ++i) results.push_back(outcome("a.py::test_" + std::to_string(i), MiB(10)));
  store.record(run, results);
  store.end_run(run);
  EXPECT_THAT(store.notices(), ElementsAre(HasSubstr("history.db.corrupt-1")));
  EXPECT_EQ(store.all("pytest").size(), 2000U);
  EXPECT_THAT(Store::open(file()).notices(), IsEmpty());
}

TEST_F(DamageTest, AFileRemovedWhileItIsUsedIsBegunAnew) {
  auto store = Store::open(file());
  const auto run = store.begin_run("pytest", "1");
  std::filesystem::remove_all(folder_);
  store.record(run, {outcome("a.py::x", MiB(1))});
  store.end_run(run);
  EXPECT_EQ(Store::open(file()).all("pytest").size(), 1U);
}

TEST_F(DamageTest, ANewerVersionsLogGoesWithIt) {
  make_history(10);
  // As a newer version that was killed leaves it: the version stands in the log only.
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "PRAGMA user_version = 12", nullptr, nullptr, nullptr), SQLITE_OK);
  const std::string copy = contents(file());
  const std::string log = contents(folder_ / "history.db-wal");
  sqlite3_close(database);
  ASSERT_FALSE(log.empty());
  write(file(), copy);
  write(folder_ / "history.db-wal", log);

  EXPECT_THAT(use(), ElementsAre(HasSubstr("history.db.v12-1")));
  EXPECT_THAT(use(), IsEmpty()) << "the log was not taken for the new one's";
  std::filesystem::rename(folder_ / "history.db.v12-1", file());
  ASSERT_EQ(sqlite3_open(file().c_str(), &database), SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &statement, nullptr);
  sqlite3_step(statement);
  EXPECT_EQ(sqlite3_column_int(statement, 0), 12) << "what was set aside is whole";
  sqlite3_finalize(statement);
  sqlite3_close(database);
}

TEST_F(DamageTest, ALogOfGarbageIsIgnored) {
  make_history(10);
  write(folder_ / "history.db-wal", std::string(50'000, 'x'));
  EXPECT_THAT(use(), IsEmpty());
  EXPECT_EQ(Store::open(file()).all("pytest").size(), 11U);
}

TEST_F(DamageTest, TwoProcessesThatFindADamagedFileSetItAsideOnce) {
  for (int i = 0; i < 10; ++i) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    write(file(), std::string(10'000, 'x'));
    std::array<pid_t, 3> children{};
    for (std::size_t child = 0; child < children.size(); ++child) {
      children[child] = ::fork();
      if (children[child] != 0) continue;
      {
        auto store = Store::open(file());
        one_run(store, std::to_string(child), {outcome("a.py::" + std::to_string(child), MiB(1))});
      }
      ::_exit(0);
    }
    for (const pid_t child : children) {
      int status = 1;
      ::waitpid(child, &status, 0);
      EXPECT_EQ(status, 0);
    }
    EXPECT_THAT(names(), ElementsAre("history.db", "history.db.corrupt-1"));
    EXPECT_EQ(Store::open(file()).all("pytest").size(), children.size());
  }
}

TEST_F(DamageTest, ReadingAloneNamesTheFaultAndLeavesTheFile) {
  write(file(), "garbage");
  auto store = Store::open_to_read(file());
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().text(), HasSubstr("damaged"));
  std::filesystem::remove(file());
  make_history(10);
  execute("PRAGMA user_version = 12");
  store = Store::open_to_read(file());
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().text(), HasSubstr("newer version"));
  EXPECT_THAT(names(), ElementsAre("history.db"));
}

}  // namespace
}  // namespace fittest::history
