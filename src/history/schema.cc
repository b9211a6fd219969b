#include "history/schema.h"

#include <array>
#include <thread>

namespace fittest::history {
namespace {

// "fitt", so that a stranger's database is not taken for a history of another version.
constexpr std::int64_t kApplicationId = 0x66697474;

// A test's row holds the summary of its results, because a prediction for a whole suite must not read them all. Times
// are microseconds, moments Unix seconds, verdicts their names.
constexpr const char* kFirst = R"(
CREATE TABLE suite(
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE run(
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  suite INTEGER NOT NULL,
  id TEXT NOT NULL,
  begun INTEGER NOT NULL,
  ended INTEGER,
  UNIQUE(suite, id)
) STRICT;
CREATE TABLE test(
  suite INTEGER NOT NULL,
  id TEXT NOT NULL,
  key INTEGER NOT NULL UNIQUE,
  peak INTEGER,
  at_least INTEGER,
  retained INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  counted INTEGER NOT NULL,
  runs INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  last_run INTEGER NOT NULL,
  PRIMARY KEY(suite, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE result(
  test INTEGER NOT NULL,
  run INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  peak INTEGER,
  at_least INTEGER,
  retained INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  PRIMARY KEY(test, run)
) STRICT, WITHOUT ROWID;
PRAGMA application_id = 1718187124;
PRAGMA user_version = 1;
)";
static_assert(kApplicationId == 1718187124, "written out in kFirst");

// What the heap's counters said. `body_peak` is apart from the results, because only runs in which the test passed
// stand there: however often a test fails, what it needed before is not pushed out.
constexpr const char* kHeap = R"(
ALTER TABLE test ADD COLUMN heap_peak INTEGER;
ALTER TABLE test ADD COLUMN heap_allocated INTEGER;
ALTER TABLE test ADD COLUMN heap_allocations INTEGER;
ALTER TABLE result ADD COLUMN heap_peak INTEGER;
ALTER TABLE result ADD COLUMN heap_allocated INTEGER;
ALTER TABLE result ADD COLUMN heap_allocations INTEGER;
CREATE TABLE body_peak(
  test INTEGER NOT NULL,
  run INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY(test, run)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 2;
)";

// Each makes of the version before it the next one, the first of an empty database.
constexpr std::array kSteps = {kFirst, kHeap};
static_assert(kSteps.size() == kSchemaVersion);

// WAL, where the file system can do it. SQLite does not wait for a lock here by itself, so that two processes that
// both change the mode cannot wait for each other.
void use_wal(Connection& connection) {
  constexpr int kTries = 500;
  for (int i = 0;; ++i) {
    try {
      connection.execute("PRAGMA journal_mode = WAL");
      return;
    } catch (const SqliteError& error) {
      if (!error.is_busy() || i == kTries) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

// To be called inside a transaction: of a history that another process is making right now, nothing or all must be
// seen. Half of it would look like a stranger's database, and be set aside.
std::int64_t look_for_schema(Connection& connection) {
  const auto tables = connection.number("SELECT count(*) FROM sqlite_schema");
  const auto application = connection.number("PRAGMA application_id");
  const auto version = connection.number("PRAGMA user_version");
  if (application == 0 && version == 0 && tables == 0) return 0;
  if (application != kApplicationId || version < 1) throw WrongSchema(0, "it is a database, but no history");
  if (version > kSchemaVersion) throw WrongSchema(version, "it was written by a newer version of fittest");
  return version;
}

void take_step(Connection& connection, std::int64_t from) {
  try {
    connection.execute(kSteps[static_cast<std::size_t>(from)]);
  } catch (const SqliteError& error) {
    if (error.code() != SQLITE_ERROR) throw;
    throw WrongSchema(0, std::string("its tables are not those of a history: ") + error.what());
  }
}

}  // namespace

std::int64_t schema_version(Connection& connection) {
  const Transaction moment(connection, Transaction::Kind::read);
  return look_for_schema(connection);
}

void ensure_schema(Connection& connection) {
  // A stranger's database is left as it is, its journal mode too.
  const std::int64_t found = schema_version(connection);
  if (found == 0) use_wal(connection);
  if (found < kSchemaVersion) {
    Transaction transaction(connection);
    for (auto version = look_for_schema(connection); version < kSchemaVersion; ++version) {
      take_step(connection, version);
    }
    transaction.commit();
  }
  // What is committed survives any death of the process; a power cut can take the last transactions, never the file.
  connection.execute("PRAGMA synchronous = NORMAL");
}

}  // namespace fittest::history
