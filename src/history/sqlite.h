#pragma once
// Owners for SQLite's C handles. Inside this folder a failing call is an exception, because one statement among many
// can fail for reasons of the disk and the whole transaction has to go; `Store` catches every one of them, none leaves
// the folder.
#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fittest::history {

class SqliteError : public std::runtime_error {
 public:
  SqliteError(int code, const std::string& what) : std::runtime_error(what), code_(code) {}

  [[nodiscard]] int code() const { return code_; }  // extended
  // The file's content is at fault, not its place.
  [[nodiscard]] bool is_damage() const;
  // Another process holds a lock; the same call can succeed later.
  [[nodiscard]] bool is_busy() const;

 private:
  int code_;
};

// One open database. Not for use by several threads.
class Connection {
 public:
  // `name`: a path, ":memory:" or a "file:" address; `flags`: SQLITE_OPEN_*.
  Connection(const std::string& name, int flags);
  // Replaces what is in it by what is in `other`, of one moment.
  void copy_from(Connection& other);

  // How long a call waits for another process's lock before it fails with SQLITE_BUSY.
  void set_patience(std::chrono::milliseconds patience);
  void execute(const char* sql);
  // The integer in the first column of the first row; 0 where there is none.
  std::int64_t number(const char* sql);
  [[nodiscard]] bool is_read_only() const;
  [[nodiscard]] bool in_transaction() const;
  // Closing leaves the write-ahead log where it is.
  void leave_log();
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

// A prepared statement, used again and again through `Cursor`. Must go before its connection.
class Statement {
 public:
  Statement(Connection& connection, std::string_view sql);

 private:
  friend class Cursor;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

// One use of a statement: binds the values to ?1, ?2 ..., steps, and gives the statement (and its locks) back at the
// end of the scope. Texts bound and texts read live only as long as the caller's, and until the next step.
class Cursor {
 public:
  template <typename... Values>
  explicit Cursor(Statement& statement, const Values&... values) : statement_(statement.handle_.get()) {
    int index = 0;
    (bind(++index, values), ...);
  }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor();

  bool next();  // false when there is no further row
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::string_view text(int column) const;

 private:
  void bind(int index, std::int64_t value);
  void bind(int index, std::string_view value);
  void bind(int index, const std::optional<std::int64_t>& value);
  void check(int code) const;
  sqlite3_stmt* statement_;
};

// Runs a statement that gives no rows.
template <typename... Values>
void run(Statement& statement, const Values&... values) {
  Cursor cursor(statement, values...);
  while (cursor.next()) {
  }
}

// `write` takes the write lock at once, so that what is read inside is still true when it is written; `read` makes all
// that is read inside of one moment. Rolled back at the end of the scope unless committed.
class Transaction {
 public:
  enum class Kind { read, write };
  explicit Transaction(Connection& connection, Kind kind = Kind::write);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Connection& connection_;
};

}  // namespace fittest::history
