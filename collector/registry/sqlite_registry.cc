#include "collector/registry/sqlite_registry.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status_macros.h"
#include "common/user_name.h"

namespace tributary {
namespace {

// In `PRAGMA application_id`: "Trbt". A file with another one is not ours.
constexpr int kApplicationId = 0x54726274;
constexpr int kSchemaVersion = 1;

void BindBlob(sqlite3_stmt* statement, int index, absl::string_view bytes) {
  // A null pointer would bind NULL, so the empty string needs an address too. What is bound lives
  // until the statement was run.
  sqlite3_bind_blob64(statement, index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
}

std::string ColumnBlob(sqlite3_stmt* statement, int column) {
  const void* data = sqlite3_column_blob(statement, column);
  const int size = sqlite3_column_bytes(statement, column);
  return size == 0 ? std::string()
                   : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

// The least key above every key that begins with `prefix`; nullopt if there is none.
std::optional<std::string> AfterPrefix(absl::string_view prefix) {
  std::string after(prefix);
  while (!after.empty() && static_cast<unsigned char>(after.back()) == 0xff) after.pop_back();
  if (after.empty()) return std::nullopt;
  after.back() = static_cast<char>(static_cast<unsigned char>(after.back()) + 1);
  return after;
}

// PermissionDenied, naming both users, if this process may not write there: SQLite tells only that
// something failed. A path that does not exist may be written.
absl::Status MayWrite(const std::string& path) {
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0 || errno != EACCES) {
    return absl::OkStatus();
  }
  struct stat found = {};
  const bool known = ::stat(path.c_str(), &found) == 0;
  return absl::PermissionDeniedError(
      absl::StrCat(path, ": permission denied",
                   known ? absl::StrCat(": it belongs to ", UserName(found.st_uid),
                                        ", and this process runs as ", UserName(::geteuid()))
                         : ""));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteRegistry>> SqliteRegistry::Open(const std::string& data_dir) {
  const std::string path = JoinPath(data_dir, "registry.sqlite");
  RETURN_IF_ERROR(MayWrite(data_dir));
  RETURN_IF_ERROR(MayWrite(path));
  sqlite3* database = nullptr;
  // NOMUTEX: one thread at a time is our contract.
  const int code = sqlite3_open_v2(
      path.c_str(), &database,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  if (database == nullptr) return absl::ResourceExhaustedError(path + ": no memory for SQLite");
  std::unique_ptr<SqliteRegistry> registry(new SqliteRegistry(path, database));
  if (code != SQLITE_OK) return registry->Error(code, "opening it");
  RETURN_IF_ERROR(registry->Configure(data_dir));
  RETURN_IF_ERROR(registry->Prepare());
  return registry;
}

SqliteRegistry::~SqliteRegistry() {
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

absl::Status SqliteRegistry::Configure(const std::string& data_dir) {
  // The lock first: in exclusive mode it is taken by the first write and never given back, and the
  // WAL needs no shared memory.
  RETURN_IF_ERROR(Execute("PRAGMA locking_mode=EXCLUSIVE"));
  int code = sqlite3_exec(db_, "PRAGMA journal_mode=WAL", nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) code = sqlite3_exec(db_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
  if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) {
    return absl::FailedPreconditionError(absl::StrCat(
        "data directory ", data_dir, " is in use by another collector (", path_, " is locked)"));
  }
  if (code != SQLITE_OK) return Error(code, "locking it");

  int application_id = 0;
  int version = 0;
  const auto read_number = [](void* into, int, char** values, char**) {
    return absl::SimpleAtoi(values[0], static_cast<int*>(into)) ? 0 : 1;
  };
  code = sqlite3_exec(db_, "PRAGMA application_id", read_number, &application_id, nullptr);
  if (code == SQLITE_OK) {
    code = sqlite3_exec(db_, "PRAGMA user_version", read_number, &version, nullptr);
  }
  if (code != SQLITE_OK) return Error(code, "reading its version");
  if (application_id == 0 && version == 0) {
    RETURN_IF_ERROR(
        Execute("CREATE TABLE entries (key BLOB PRIMARY KEY NOT NULL, "
                "value BLOB NOT NULL) WITHOUT ROWID"));
    RETURN_IF_ERROR(Execute(absl::StrCat("PRAGMA application_id=", kApplicationId).c_str()));
    RETURN_IF_ERROR(Execute(absl::StrCat("PRAGMA user_version=", kSchemaVersion).c_str()));
  } else if (application_id != kApplicationId) {
    return absl::DataLossError(absl::StrCat(path_, " is not a registry of Tributary"));
  } else if (version != kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        path_, " has version ", version, "; this collector knows version ", kSchemaVersion));
  }
  RETURN_IF_ERROR(Execute("COMMIT"));
  return Execute("PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY");
}

absl::Status SqliteRegistry::Prepare() {
  // In the order of Statement.
  static constexpr const char* kSql[] = {
      "BEGIN IMMEDIATE",
      "COMMIT",
      "ROLLBACK",
      "SELECT value FROM entries WHERE key = ?1",
      ("INSERT INTO entries (key, value) VALUES (?1, ?2) "
       "ON CONFLICT (key) DO UPDATE SET value = excluded.value"),
      "DELETE FROM entries WHERE key = ?1",
      "SELECT key, value FROM entries WHERE key >= ?1 AND key < ?2 ORDER BY key",
      "SELECT key, value FROM entries WHERE key >= ?1 ORDER BY key",
  };
  static_assert(std::size(kSql) == static_cast<size_t>(Statement::kCount));
  for (size_t i = 0; i < std::size(kSql); ++i) {
    const int code =
        sqlite3_prepare_v3(db_, kSql[i], -1, SQLITE_PREPARE_PERSISTENT, &statements_[i], nullptr);
    if (code != SQLITE_OK) return Error(code, "preparing statements");
  }
  return absl::OkStatus();
}

absl::Status SqliteRegistry::Execute(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code, sql);
}

sqlite3_stmt* SqliteRegistry::Fresh(Statement statement) {
  return statements_[static_cast<int>(statement)];
}

int SqliteRegistry::Run(Statement statement) {
  sqlite3_stmt* prepared = Fresh(statement);
  const int code = sqlite3_step(prepared);
  sqlite3_reset(prepared);
  return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

bool SqliteRegistry::NothingWritten(int code) const {
  if ((code & 0xff) == SQLITE_FULL) return true;
  // A write that was refused outright. The frame that makes a transaction valid is the last one
  // written, and without all of it its checksum does not hold; the next transaction takes its
  // place.
  if (code != SQLITE_IOERR_WRITE) return false;
  sqlite3_file* log = nullptr;
  if (sqlite3_file_control(db_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
      log == nullptr || log->pMethods == nullptr) {
    return false;
  }
  int reason = 0;
  if (log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &reason) != SQLITE_OK) return false;
  return reason == EROFS || reason == EDQUOT;
}

absl::Status SqliteRegistry::Error(int code, absl::string_view doing) const {
  const std::string message =
      absl::StrCat(path_, ": ", doing, ": ", sqlite3_errmsg(db_), " (SQLite ", code, ")");
  if (NothingWritten(code)) return absl::ResourceExhaustedError(message);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::PermissionDeniedError(message);
    case SQLITE_READONLY:
      return absl::FailedPreconditionError(message);
    default:
      return absl::InternalError(message);
  }
}

absl::StatusOr<std::optional<std::string>> SqliteRegistry::Read(absl::string_view key) {
  sqlite3_stmt* get = Fresh(Statement::kGet);
  BindBlob(get, 1, key);
  const int code = sqlite3_step(get);
  std::optional<std::string> value;
  if (code == SQLITE_ROW) value = ColumnBlob(get, 0);
  sqlite3_reset(get);
  if (code != SQLITE_ROW && code != SQLITE_DONE) return Error(code, "reading");
  return value;
}

absl::StatusOr<std::optional<std::string>> SqliteRegistry::Get(absl::string_view key) {
  RETURN_IF_ERROR(broken_);
  return Read(key);
}

absl::StatusOr<std::vector<RegistryEntry>> SqliteRegistry::List(absl::string_view prefix) {
  RETURN_IF_ERROR(broken_);
  const std::optional<std::string> after = AfterPrefix(prefix);
  sqlite3_stmt* list = Fresh(after.has_value() ? Statement::kList : Statement::kListAll);
  BindBlob(list, 1, prefix);
  if (after.has_value()) BindBlob(list, 2, *after);
  std::vector<RegistryEntry> entries;
  int code = 0;
  while ((code = sqlite3_step(list)) == SQLITE_ROW) {
    entries.push_back({ColumnBlob(list, 0), ColumnBlob(list, 1)});
  }
  sqlite3_reset(list);
  if (code != SQLITE_DONE) return Error(code, "listing");
  return entries;
}

absl::Status SqliteRegistry::Apply(const RegistryTransaction& transaction) {
  for (const RegistryTransaction::Expectation& expected : transaction.expect) {
    ASSIGN_OR_RETURN(const std::optional<std::string> value, Read(expected.key));
    if (value != expected.value) {
      return absl::AbortedError(absl::StrCat("registry: ", expected.key, " is not as expected"));
    }
  }
  for (const std::string& key : transaction.deletes) {
    BindBlob(Fresh(Statement::kDelete), 1, key);
    if (const int code = Run(Statement::kDelete); code != SQLITE_OK) return Error(code, "deleting");
  }
  for (const RegistryEntry& entry : transaction.puts) {
    BindBlob(Fresh(Statement::kPut), 1, entry.key);
    BindBlob(Fresh(Statement::kPut), 2, entry.value);
    if (const int code = Run(Statement::kPut); code != SQLITE_OK) return Error(code, "writing");
  }
  return absl::OkStatus();
}

absl::Status SqliteRegistry::Commit(const RegistryTransaction& transaction) {
  RETURN_IF_ERROR(broken_);
  if (const int code = Run(Statement::kBegin); code != SQLITE_OK) return Error(code, "beginning");
  absl::Status status = Apply(transaction);
  bool maybe_applied = false;
  if (status.ok()) {
    const int code = Run(Statement::kCommit);
    if (code == SQLITE_OK) return absl::OkStatus();
    status = Error(code, "committing");
    // Without room the record that makes the transaction valid is not in the log. After any other
    // error (a failed sync) it may be, and may be found after a restart.
    maybe_applied = !NothingWritten(code);
  }
  // SQLite rolls back by itself on some errors.
  const bool rolled_back =
      sqlite3_get_autocommit(db_) != 0 || Run(Statement::kRollback) == SQLITE_OK;
  if (absl::IsAborted(status) && rolled_back) return status;
  if (absl::IsResourceExhausted(status) && rolled_back && !maybe_applied) return status;
  broken_ = absl::FailedPreconditionError(
      absl::StrCat("the registry must be opened again after: ", status.message()));
  // ResourceExhausted would promise that nothing was changed.
  return absl::IsResourceExhausted(status) ? absl::InternalError(status.message()) : status;
}

}  // namespace tributary
