// Histories of older versions: brought up to this one where they can be written, read as they are where not.
#include "history/schema.h"

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

// As version 1 made them. Not to be changed.
constexpr const char* kVersion1 = R"(
PRAGMA journal_mode = WAL;
CREATE TABLE suite(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE run(key INTEGER PRIMARY KEY AUTOINCREMENT, suite INTEGER NOT NULL, id TEXT NOT NULL, begun INTEGER NOT NULL,
  ended INTEGER, UNIQUE(suite, id)) STRICT;
CREATE TABLE test(suite INTEGER NOT NULL, id TEXT NOT NULL, key INTEGER NOT NULL UNIQUE, peak INTEGER, at_least INTEGER,
  retained INTEGER NOT NULL, duration INTEGER NOT NULL, counted INTEGER NOT NULL, runs INTEGER NOT NULL,
  verdict TEXT NOT NULL, last_run INTEGER NOT NULL, PRIMARY KEY(suite, id)) STRICT, WITHOUT ROWID;
CREATE TABLE result(test INTEGER NOT NULL, run INTEGER NOT NULL, verdict TEXT NOT NULL, peak INTEGER, at_least INTEGER,
  retained INTEGER NOT NULL, duration INTEGER NOT NULL, PRIMARY KEY(test, run)) STRICT, WITHOUT ROWID;
PRAGMA application_id = 1718187124;
PRAGMA user_version = 1;
INSERT INTO suite VALUES(1, 'pytest');
INSERT INTO run VALUES(1, 1, 'old', 1732460000, 1732460100);
INSERT INTO test VALUES(1, 'a.py::x', 1, 104857600, NULL, 3145728, 2500000, 1, 1, 'failed', strftime('%s') - 60);
INSERT INTO result VALUES(1, 1, 'failed', 104857600, NULL, 3145728, 2500000);
)";

class SchemaTest : public InFolder {
 protected:
  std::vector<std::string> execute(const char* sql) const {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(file().c_str(), &database), SQLITE_OK);
    std::vector<std::string> rows;
    const auto add = [](void* found, int columns, char** values, char**) {
      std::string row;
      for (int i = 0; i < columns; ++i) row += std::string(i > 0 ? "|" : "") + (values[i] ? values[i] : "NULL");
      static_cast<std::vector<std::string>*>(found)->push_back(row);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database, sql, add, &rows, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
    return rows;
  }
  // Each column of each table.
  std::vector<std::string> columns() const {
    return execute(
        "SELECT m.name, c.cid, c.name, c.type, c.\"notnull\", c.pk FROM sqlite_schema m, pragma_table_info(m.name) c "
        "WHERE m.type = 'table' ORDER BY 1, 2");
  }

  static Outcome measured() {
    Outcome result = outcome("a.py::x", MiB(50), 1);
    result.heap = HeapFigures{MiB(4), MiB(9), 12, MiB(3)};
    return result;
  }
};

// What version 1 knew is there.
void expect_known(Store& store) {
  EXPECT_THAT(store.notices(), IsEmpty());
  const auto known = store.all("pytest");
  ASSERT_EQ(known.size(), 1U);
  EXPECT_EQ(known[0].id, "a.py::x");
  EXPECT_EQ(known[0].peak, MiB(100));
  EXPECT_EQ(known[0].retained, MiB(3));
  EXPECT_EQ(known[0].duration, 2.5);
  EXPECT_EQ(known[0].last, Verdict::failed);
  EXPECT_FALSE(known[0].heap);
  EXPECT_TRUE(store.has_ended("pytest", "old"));
  EXPECT_EQ(store.predict("pytest", {"a.py::x"}).at(0).peak, MiB(125));
  EXPECT_THAT(store.body_peaks("pytest", {"a.py::x"}), ElementsAre(IsEmpty()));
}

TEST_F(SchemaTest, AnOlderHistoryIsBroughtUpAndKept) {
  execute(kVersion1);
  {
    auto store = Store::open(file());
    expect_known(store);
    one_run(store, "new", {measured()});
  }
  EXPECT_THAT(names(), ElementsAre("history.db"));
  EXPECT_THAT(execute("PRAGMA user_version"), ElementsAre(std::to_string(kSchemaVersion)));
  auto store = Store::open(file());
  const auto known = store.all("pytest").at(0);
  EXPECT_EQ(known.runs, 2U);
  EXPECT_EQ(known.peak, MiB(100));
  EXPECT_EQ(known.heap->allocations, 12U);
  EXPECT_THAT(store.body_peaks("pytest", {"a.py::x"}), ElementsAre(ElementsAre(MiB(3))));
}

TEST_F(SchemaTest, ItsTablesAreThenThoseOfANewOne) {
  execute(kVersion1);
  Store::open(file());
  const auto brought_up = columns();
  std::filesystem::remove(file());
  Store::open(file());
  EXPECT_EQ(columns(), brought_up);
  EXPECT_THAT(brought_up, Contains(HasSubstr("body_peak")));
}

TEST_F(SchemaTest, ReadingAloneLeavesAnOlderHistoryAsItIs) {
  execute(kVersion1);
  const std::string before = contents(file());
  {
    auto store = Store::open_to_read(file());
    ASSERT_TRUE(store) << store.error().text();
    expect_known(*store);
  }
  EXPECT_THAT(names(), ElementsAre("history.db"));
  EXPECT_TRUE(contents(file()) == before);
}

TEST_F(SchemaTest, AnOlderHistoryThatMayOnlyBeReadStillPredicts) {
  execute(kVersion1);
  const std::string wrong = read_only(folder_, file(), measured());
  if (wrong == "(skip)") GTEST_SKIP() << "cannot become another user";
  EXPECT_EQ(wrong, "");
}

TEST_F(SchemaTest, RunsThatFindItAtTheSameTimeBringItUpOnce) {
  execute(kVersion1);
  // They begin when all are there: when nobody holds the other end of the pipe any more.
  std::array<int, 2> gate{};
  ASSERT_EQ(::pipe(gate.data()), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(gate[1]);
      char nothing = 0;
      while (::read(gate[0], &nothing, 1) > 0) {
      }
      auto store = Store::open(file());
      Outcome result = measured();
      result.id = "b.py::" + std::to_string(i);
      one_run(store, "new " + std::to_string(i), {result});
      ::_exit(store.notices().empty() ? 0 : 1);
    }
    children.push_back(child);
  }
  ::close(gate[0]);
  ::close(gate[1]);
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  auto store = Store::open(file());
  EXPECT_EQ(store.all("pytest").size(), 7U);
  EXPECT_THAT(names(), testing::Not(Contains(HasSubstr("corrupt"))));
}

TEST_F(SchemaTest, WhatOnlyLooksLikeAnOlderHistoryIsSetAside) {
  execute(kVersion1);
  execute("DROP TABLE result");
  EXPECT_FALSE(Store::open_to_read(file()));
  auto store = Store::open(file());
  EXPECT_THAT(store.notices(), ElementsAre(HasSubstr("not those of a history")));
  EXPECT_THAT(names(), Contains("history.db.corrupt-1"));
  one_run(store, "new", {measured()});
  EXPECT_EQ(store.all("pytest").size(), 1U);
}

TEST_F(SchemaTest, BytesChangedAnywhereInAnOlderHistoryNeverCrashNorLoseTheRun) {
  execute(kVersion1);
  execute(
      "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
      "INSERT INTO test SELECT 1, 'b.py::' || i, i, 1000, NULL, 0, 10, 1, 1, 'passed', strftime('%s') FROM n");
  const std::string whole = contents(file());
  std::mt19937_64 random(7);
  for (int i = 0; i < 60; ++i) {
    for (const std::string& name : names()) std::filesystem::remove(folder_ / name);
    std::string damaged = whole;
    for (std::uint64_t n = random() % 8 + 1; n > 0; --n) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    write(file(), damaged);
    if (auto to_read = Store::open_to_read(file())) (void)to_read->all("pytest");
    auto store = Store::open(file());
    one_run(store, "new", {measured()});
    const auto known = store.all("pytest");
    EXPECT_TRUE(std::ranges::any_of(known, [](const Known& test) { return test.id == "a.py::x"; }) ||
                !store.notices().empty());
  }
}

}  // namespace
}  // namespace fittest::history
