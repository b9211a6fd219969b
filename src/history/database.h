#pragma once
// Opens the place where a history lives, whatever is found there.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "history/set_aside.h"
#include "history/sqlite.h"
#include "history/tables.h"

namespace fittest::history {

enum class Access {
  file,       // results are kept
  read_only,  // predictions come from the file, results are not kept
  memory,     // nothing known, nothing kept
};

// An open database with its tables; owns the file's locks.
class Database {
 public:
  // Throws SqliteError; WrongSchema where `schema` is not what is found.
  enum class Schema { ensured, required };
  Database(const std::string& name, int flags, Schema schema, Access access, std::filesystem::path file = {});
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  [[nodiscard]] Access access() const { return access_; }
  [[nodiscard]] Connection& connection() { return connection_; }
  [[nodiscard]] Tables& tables() { return *tables_; }
  [[nodiscard]] const std::optional<FileIdentity>& identity() const { return identity_; }
  // The file at the path is no longer the one that is open: what is written would be lost.
  [[nodiscard]] bool was_replaced() const;

 private:
  // Of an older version, which must stay as it is, a copy in memory is brought up to this one and read in its place.
  void read_schema();

  Access access_;
  std::filesystem::path file_;  // empty in memory
  Connection connection_;
  std::optional<FileIdentity> identity_;
  std::unique_ptr<Tables> tables_;
};

// A file found damaged while it was in use.
struct Condemned {
  FileIdentity identity;
  std::string why;
};

// Opens or creates for a run. Damaged files and those of a newer version are set aside, a place that cannot be written
// gives a database in memory; a line for each such thing is added to `notices`. Throws SqliteError only where there is
// no memory.
std::unique_ptr<Database> open_for_run(const std::filesystem::path& file, std::vector<std::string>& notices,
                                       const std::optional<Condemned>& condemned = std::nullopt);
// The last resort, for the reason given.
std::unique_ptr<Database> open_in_memory(const std::filesystem::path& file, const std::string& why,
                                         std::vector<std::string>& notices);

// Opens what is there to read it, and changes nothing. Errors: no history, damaged, of a newer version.
Result<std::unique_ptr<Database>> open_to_read(const std::filesystem::path& file);

}  // namespace fittest::history
