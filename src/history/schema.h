#pragma once
// The tables of a history file, and how to tell a history from other files.
#include <cstdint>
#include <stdexcept>

#include "history/sqlite.h"

namespace fittest::history {

inline constexpr std::int64_t kSchemaVersion = 2;

// The database is readable, but no history that this version can use.
class WrongSchema : public std::runtime_error {
 public:
  WrongSchema(std::int64_t version, const std::string& what) : std::runtime_error(what), version_(version) {}
  // Of a newer fittest; 0 where the file is none of fittest's.
  [[nodiscard]] std::int64_t version() const { return version_; }

 private:
  std::int64_t version_;
};

// Makes the tables in an empty database, and brings those of an older version up to this one; several processes may do
// so at the same time. Throws WrongSchema or SqliteError.
void ensure_schema(Connection& connection);

// The version of a history that this one can read, 0 for an empty database. Not inside a transaction. Throws
// WrongSchema or SqliteError.
std::int64_t schema_version(Connection& connection);

}  // namespace fittest::history
