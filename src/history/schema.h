#pragma once
// The tables of a history file, and how to tell a history from other files.
#include <cstdint>
#include <stdexcept>

#include "history/sqlite.h"

namespace fittest::history {

inline constexpr std::int64_t kSchemaVersion = 1;

// The database is readable, but no history that this version can use.
class WrongSchema : public std::runtime_error {
 public:
  WrongSchema(std::int64_t version, const std::string& what) : std::runtime_error(what), version_(version) {}
  // Of a newer fittest; 0 where the file is none of fittest's.
  [[nodiscard]] std::int64_t version() const { return version_; }

 private:
  std::int64_t version_;
};

// Makes the tables in an empty database; several processes may do so at the same time. Throws WrongSchema or
// SqliteError.
void ensure_schema(Connection& connection);

// True for a history of this version, false for an empty database. Not inside a transaction. Throws WrongSchema or
// SqliteError.
bool has_schema(Connection& connection);

}  // namespace fittest::history
