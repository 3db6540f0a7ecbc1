#include "server/store/sqlite_maintenance.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/status_macros.h"
#include "server/store/file_lock.h"
#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_schema.h"

namespace tpsweep::server {
namespace {

namespace fs = std::filesystem;

absl::Status CheckAbsent(const std::string& path, absl::string_view remedy) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(path, error))) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(path, " is there already; ", remedy));
}

absl::StatusOr<std::unique_ptr<SqliteConnection>> OpenStore(const std::string& path,
                                                            SqliteConnection::Access access) {
  std::error_code error;
  if (!fs::exists(path, error)) return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  TP_RETURN_IF_ERROR(CheckStoreFile(path));
  TP_ASSIGN_OR_RETURN(std::unique_ptr<SqliteConnection> connection,
                      SqliteConnection::Open(fs::absolute(path, error).string(), access));
  TP_ASSIGN_OR_RETURN(const int64_t version, connection->QueryInteger("PRAGMA user_version"));
  if (version < 1 || version > static_cast<int64_t>(SchemaSteps().size())) {
    return absl::FailedPreconditionError(absl::StrCat(path, " has version ", version,
                                                      " and this program knows versions 1 to ",
                                                      SchemaSteps().size()));
  }
  return connection;
}

absl::Status CheckPages(SqliteConnection& connection) {
  TP_ASSIGN_OR_RETURN(const std::string found, connection.QueryText("PRAGMA integrity_check(1)"));
  if (found == "ok") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(connection.path(), " is damaged: ", found));
}

}  // namespace

absl::Status CheckSqliteStore(const std::string& path) {
  TP_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> connection,
                      OpenStore(path, SqliteConnection::Access::kRead));
  return CheckPages(*connection);
}

absl::Status BackUp(SqliteConnection& connection, const std::string& to) {
  TP_RETURN_IF_ERROR(CheckAbsent(to, "choose another file, or move that one away"));
  const std::string scratch = to + ".tmp";
  std::error_code error;
  fs::remove(scratch, error);
  // A copy that was checked takes the name; what was begun and not ended does not have it.
  absl::Status copied = connection.Execute(
      absl::StrCat("VACUUM INTO '", absl::StrReplaceAll(scratch, {{"'", "''"}}), "'"));
  if (copied.ok()) copied = CheckSqliteStore(scratch);
  if (copied.ok()) {
    fs::rename(scratch, to, error);
    if (error) copied = absl::UnavailableError(absl::StrCat(to, ": ", error.message()));
  }
  if (!copied.ok()) fs::remove(scratch, error);
  return copied;
}

absl::Status BackUpSqliteStore(const std::string& path, const std::string& to) {
  // SQLite does not copy by a connection that may not write, although it only reads.
  TP_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> connection,
                      OpenStore(path, SqliteConnection::Access::kWrite));
  return BackUp(*connection, to);
}

absl::Status RestoreSqliteStore(const std::string& from, const std::string& path) {
  const absl::StatusOr<FileLock> lock = FileLock::Take(path + ".lock");
  if (!lock.ok()) {
    return absl::Status(lock.status().code(),
                        absl::StrCat("store ", path, ": ", lock.status().message()));
  }
  for (const char* part : {"", "-wal", "-shm", "-journal"}) {
    TP_RETURN_IF_ERROR(CheckAbsent(path + part, "move it away first"));
  }
  return BackUpSqliteStore(from, path);
}

}  // namespace tpsweep::server
