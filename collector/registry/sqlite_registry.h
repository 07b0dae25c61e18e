// The registry in one SQLite file.
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_SQLITE_REGISTRY_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_SQLITE_REGISTRY_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/registry/registry.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tributary {

// WAL, synchronous=FULL: a commit that answered OK survives a power loss. Holds SQLite's exclusive
// lock on the file from Open to the destructor, so that nobody else, in this process or another,
// can have it open.
//
// Owned by one thread at a time.
class SqliteRegistry : public Registry {
 public:
  // Opens <data_dir>/registry.sqlite, making it if there is none; the directory must exist. Errors:
  //   FailedPrecondition  another collector has the data directory open, or the file is of a later
  //                       version
  //   PermissionDenied    directory or file may not be written; names whose it is
  //   DataLoss            the file is damaged or is no registry
  //   anything else       the disk's reason
  static absl::StatusOr<std::unique_ptr<SqliteRegistry>> Open(const std::string& data_dir);
  ~SqliteRegistry() override;
  SqliteRegistry(const SqliteRegistry&) = delete;
  SqliteRegistry& operator=(const SqliteRegistry&) = delete;

  absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) override;
  absl::StatusOr<std::vector<RegistryEntry>> List(absl::string_view prefix) override;
  absl::Status Commit(const RegistryTransaction& transaction) override;

 private:
  // What was done before the error decides what the error means.
  enum class Statement { kBegin, kCommit, kRollback, kGet, kPut, kDelete, kList, kListAll, kCount };

  SqliteRegistry(std::string path, sqlite3* database) : path_(std::move(path)), db_(database) {}

  absl::Status Configure(const std::string& data_dir);
  absl::Status Prepare();
  absl::Status Execute(const char* sql);
  // The statement, ready to be bound.
  sqlite3_stmt* Fresh(Statement statement);
  // Runs a statement that has no rows; returns SQLite's code.
  int Run(Statement statement);
  absl::Status Error(int code, absl::string_view doing) const;
  // Whether the disk took nothing, so that there is nothing of the transaction in the log.
  bool NothingWritten(int code) const;
  // Applies the transaction's expectations and changes inside an open transaction.
  absl::Status Apply(const RegistryTransaction& transaction);
  absl::StatusOr<std::optional<std::string>> Read(absl::string_view key);

  const std::string path_;
  sqlite3* const db_;
  sqlite3_stmt* statements_[static_cast<int>(Statement::kCount)] = {};
  // Set by an error whose outcome is unknown.
  absl::Status broken_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_SQLITE_REGISTRY_H_
