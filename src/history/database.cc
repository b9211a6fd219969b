#include "history/database.h"

#include <fmt/format.h>

#include <array>
#include <fstream>

#include "history/schema.h"
#include "history/set_aside.h"

namespace fittest::history {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kOpenPatience{5000};
constexpr const char* kDamagedSuffix = "corrupt";
// The file may come from elsewhere (a cache of CI): believe nothing in it that need not be believed.
constexpr const char* kBelieveNothing = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON";

// Symbolic links are followed first: SQLite keeps its log beside the file itself.
fs::path real_path(const fs::path& file) {
  std::error_code problem;
  const fs::path absolute = fs::absolute(file, problem);
  if (problem) return file;
  const fs::path real = fs::weakly_canonical(absolute, problem);
  return problem ? absolute : real;
}

// Why no database can be at that path, or nothing. Makes the folder.
std::optional<std::string> obstacle(const fs::path& file) {
  std::error_code problem;
  fs::create_directories(file.parent_path(), problem);
  if (problem) return "the folder cannot be made: " + problem.message();
  const fs::file_status status = fs::status(file, problem);
  if (status.type() == fs::file_type::not_found || status.type() == fs::file_type::regular) return std::nullopt;
  if (status.type() == fs::file_type::directory) return "there is a folder in its place";
  if (status.type() == fs::file_type::none) return problem.message();
  return "it is no regular file";
}

std::string damage(const std::string& why) {
  return "it is damaged: " + why;
}

std::string immutable_address(const fs::path& file) {
  std::string address = "file:";
  for (const char c : file.string()) {
    if (c == '?' || c == '#' || c == '%') {
      address += fmt::format("%{:02x}", static_cast<unsigned>(c));
    } else {
      address += c;
    }
  }
  return address + "?immutable=1";
}

// A database that lacks its end. SQLite notices only when a page that is not there is asked for, which may be in the
// middle of a run. Where there is a log, the end may be in it.
bool looks_cut_off(const fs::path& file) {
  const auto has_log = [&] {
    std::error_code problem;
    const auto size = fs::file_size(file.string() + "-wal", problem);
    return !problem && size > 0;
  };
  if (has_log()) return false;
  std::array<unsigned char, 32> header{};
  std::ifstream stream(file, std::ios::binary);
  stream.read(reinterpret_cast<char*>(header.data()), header.size());
  if (!stream) return false;  // no database at all: SQLite says so by itself
  // Two and four bytes, the highest first; a page of 65536 bytes is written as 1.
  const std::uint64_t written = header[16] * 256U + header[17];
  const std::uint64_t page = written == 1 ? 65536 : written;
  const std::uint64_t pages = ((header[28] * 256ULL + header[29]) * 256 + header[30]) * 256 + header[31];
  std::error_code problem;
  const auto size = fs::file_size(file, problem);
  // A run that has begun since may be writing page after page.
  return !problem && size < page * pages && !has_log();
}

// Such a run may also have ended while we looked; its file is whole by the second look.
bool is_cut_off(const fs::path& file) {
  return looks_cut_off(file) && looks_cut_off(file);
}

std::unique_ptr<Database> open_writable(const fs::path& file) {
  const auto lock = lock_folder(file, FolderUse::open);
  if (is_cut_off(file)) throw SqliteError(SQLITE_CORRUPT, "its end is missing");
  auto database = std::make_unique<Database>(file.string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                             Database::Schema::ensured, Access::file, file);
  if (database->connection().is_read_only()) throw SqliteError(SQLITE_READONLY, "it is read-only");
  try {
    // Finds out now, not at the first result, whether the place takes a write.
    Transaction(database->connection()).commit();
  } catch (const SqliteError& error) {
    if (!error.is_busy()) throw;  // another run is writing: there will be other moments
  }
  return database;
}

// A log of transactions beside a database needs a file of its own to be read, which a read-only folder cannot take:
// there the database is read as it stands.
std::unique_ptr<Database> open_readable(const fs::path& file) {
  if (is_cut_off(file)) throw SqliteError(SQLITE_CORRUPT, "its end is missing");
  const auto open = [&](const std::string& name, int flags) {
    return std::make_unique<Database>(name, flags, Database::Schema::required, Access::read_only, file);
  };
  try {
    // Not SQLITE_OPEN_READONLY, which would leave behind the files that reading needs. A file that may not be written
    // is opened for reading by SQLite itself.
    return open(file.string(), SQLITE_OPEN_READWRITE);
  } catch (const SqliteError& error) {
    if (error.is_damage() || error.is_busy()) throw;
  }
  return open(immutable_address(file), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
}

class Opening {
 public:
  Opening(const fs::path& file, std::vector<std::string>& notices)
      : shown_(file), file_(real_path(file)), notices_(notices) {}

  std::unique_ptr<Database> run(const std::optional<Condemned>& condemned) {
    if (const auto why = obstacle(file_)) return open_in_memory(shown_, *why, notices_);
    if (condemned) {
      const auto problem = move_away(condemned->identity, kDamagedSuffix, damage(condemned->why));
      if (problem) return open_in_memory(shown_, problem->text(), notices_);
    }
    // Another process may take a bad file away, or put one there, between our looks.
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto judged = identity_of(file_);
      std::optional<Error> problem;
      try {
        return open_writable(file_);
      } catch (const WrongSchema& wrong) {
        const std::string suffix = wrong.version() > 0 ? fmt::format("v{}", wrong.version()) : kDamagedSuffix;
        problem = move_away(judged, suffix, wrong.what());
      } catch (const SqliteError& error) {
        if (!error.is_damage()) return without_writing(error.what());
        problem = move_away(judged, kDamagedSuffix, damage(error.what()));
      }
      if (problem) return open_in_memory(shown_, problem->text(), notices_);
    }
    return open_in_memory(shown_, "it was unusable again and again", notices_);
  }

 private:
  std::optional<Error> move_away(const std::optional<FileIdentity>& judged, const std::string& suffix,
                                 const std::string& why) {
    if (!judged) return std::nullopt;  // it came after we looked; look again
    auto aside = set_aside(file_, *judged, suffix);
    if (!aside) return aside.error();
    if (*aside) {
      notices_.push_back(fmt::format("{}: {}; it was renamed to {} and a new history begun", shown_.string(), why,
                                     (*aside)->filename().string()));
    }
    return std::nullopt;
  }

  std::unique_ptr<Database> without_writing(const std::string& why) {
    try {
      auto database = open_readable(file_);
      notices_.push_back(fmt::format("{}: cannot be written ({}): predictions come from it, results are not recorded",
                                     shown_.string(), why));
      return database;
    } catch (const SqliteError&) {
      return open_in_memory(shown_, why, notices_);
    } catch (const WrongSchema&) {
      return open_in_memory(shown_, why, notices_);
    }
  }

  fs::path shown_;  // as the user wrote it
  fs::path file_;
  std::vector<std::string>& notices_;
};

}  // namespace

Database::Database(const std::string& name, int flags, Schema schema, Access access, fs::path file)
    : access_(access), file_(std::move(file)), connection_(name, flags) {
  connection_.set_patience(kOpenPatience);
  connection_.execute(kBelieveNothing);
  if (schema == Schema::ensured) {
    ensure_schema(connection_);
  } else {
    read_schema();
  }
  try {
    tables_ = std::make_unique<Tables>(connection_);
  } catch (const SqliteError& error) {
    if (error.code() != SQLITE_ERROR) throw;
    throw WrongSchema(0, std::string("its tables are not those of a history: ") + error.what());
  }
  if (!file_.empty()) identity_ = identity_of(file_);
}

void Database::read_schema() {
  const std::int64_t version = schema_version(connection_);
  if (version == 0) throw WrongSchema(0, "it is an empty database");
  if (version == kSchemaVersion) return;
  Connection copy(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  copy.copy_from(connection_);
  copy.execute(kBelieveNothing);
  ensure_schema(copy);
  connection_ = std::move(copy);
}

Database::~Database() {
  // Closing the last connection removes the log by its name, which another database has by now.
  if (was_replaced()) connection_.leave_log();
}

bool Database::was_replaced() const {
  return identity_ && identity_of(file_) != identity_;
}

std::unique_ptr<Database> open_for_run(const fs::path& file, std::vector<std::string>& notices,
                                       const std::optional<Condemned>& condemned) {
  return Opening(file, notices).run(condemned);
}

std::unique_ptr<Database> open_in_memory(const fs::path& file, const std::string& why,
                                         std::vector<std::string>& notices) {
  notices.push_back(
      fmt::format("{}: the history cannot be kept there ({}): this run leaves nothing to later ones. Name another file "
                  "with --history FILE",
                  file.string(), why));
  return std::make_unique<Database>(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, Database::Schema::ensured,
                                    Access::memory);
}

Result<std::unique_ptr<Database>> open_to_read(const fs::path& file) {
  const fs::path real = real_path(file);
  const std::string where = file.string();
  std::error_code problem;
  if (!fs::is_regular_file(real, problem)) {
    return failure(problem ? problem.message() : "there is no history file", where, "name it with --history FILE");
  }
  try {
    return open_readable(real);
  } catch (const WrongSchema& wrong) {
    return failure(wrong.what(), where,
                   wrong.version() > 0 ? "use that version, or name another file with --history FILE"
                                       : "the next run sets it aside and begins a new one");
  } catch (const SqliteError& error) {
    if (error.is_damage()) {
      return failure(damage(error.what()), where, "the next run sets it aside and begins a new one");
    }
    return failure(error.what(), where, "make it readable, or name another file with --history FILE");
  }
}

}  // namespace fittest::history
