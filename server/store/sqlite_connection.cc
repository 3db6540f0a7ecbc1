#include "server/store/sqlite_connection.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tpsweep::server {

namespace {

// Others (a backup, the sqlite3 shell) may hold the file for a moment.
constexpr int kBusyMilliseconds = 5000;

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const std::string& path,
                                                                         Access access) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (access == Access::kWrite ? SQLITE_OPEN_CREATE : 0);
  sqlite3* db = nullptr;
  errno = 0;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  if (code != SQLITE_OK) {
    absl::Status error = SqliteError(db, code, absl::StrCat("opening ", path));
    sqlite3_close(db);
    return error;
  }
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(path, db));
  sqlite3_busy_timeout(db, kBusyMilliseconds);
  // The file may come from anywhere: nothing in it is to be run, and pages are
  // checked when they are read.
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  TP_RETURN_IF_ERROR(
      connection->Execute("PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY"));
  if (access == Access::kRead) {
    TP_RETURN_IF_ERROR(connection->Execute("PRAGMA query_only = ON"));
  } else if (sqlite3_db_readonly(db, "main") != 0) {
    return absl::UnavailableError(absl::StrCat("store: ", path, " cannot be written"));
  }
  return connection;
}

SqliteConnection::~SqliteConnection() {
  for (sqlite3_stmt* statement : reads_) sqlite3_finalize(statement);
  for (sqlite3_stmt* statement : writes_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

absl::StatusOr<SqliteStatement> SqliteConnection::Prepare(Sql sql) {
  return Prepare(SqliteText(sql), reads_[static_cast<size_t>(sql)]);
}

absl::StatusOr<SqliteStatement> SqliteConnection::Prepare(SqliteWrite sql) {
  return Prepare(SqliteText(sql), writes_[static_cast<size_t>(sql)]);
}

absl::StatusOr<SqliteStatement> SqliteConnection::Prepare(const char* text,
                                                          sqlite3_stmt*& prepared) {
  if (prepared == nullptr) {
    const int code =
        sqlite3_prepare_v3(db_, text, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (code != SQLITE_OK) return SqliteError(db_, code, text);
  }
  return SqliteStatement(prepared);
}

absl::Status SqliteConnection::Run(Sql sql) {
  TP_ASSIGN_OR_RETURN(SqliteStatement statement, Prepare(sql));
  return statement.Run();
}

absl::Status SqliteConnection::Run(SqliteWrite sql) {
  TP_ASSIGN_OR_RETURN(SqliteStatement statement, Prepare(sql));
  return statement.Run();
}

absl::Status SqliteConnection::Execute(const std::string& script) {
  errno = 0;
  const int code = sqlite3_exec(db_, script.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus()
                           : SqliteError(db_, code, absl::StrCat("preparing ", path_));
}

template <class T, class Read>
absl::StatusOr<T> SqliteConnection::Query(const std::string& query, Read read) {
  errno = 0;
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(db_, query.c_str(), -1, &statement, nullptr);
  if (code != SQLITE_OK) return SqliteError(db_, code, absl::StrCat("reading ", path_));
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owned(statement, &sqlite3_finalize);
  SqliteStatement use(statement);
  TP_ASSIGN_OR_RETURN(const bool has_row, use.Next());
  return has_row ? read(use) : T();
}

absl::StatusOr<std::string> SqliteConnection::QueryText(const std::string& query) {
  return Query<std::string>(query,
                            [](const SqliteStatement& row) { return std::string(row.Bytes(0)); });
}

absl::StatusOr<int64_t> SqliteConnection::QueryInteger(const std::string& query) {
  return Query<int64_t>(query, [](const SqliteStatement& row) { return row.Integer(0); });
}

void SqliteConnection::RollBack() {
  // SQLite has already rolled back by itself after some errors.
  if (sqlite3_get_autocommit(db_) == 0) Run(Sql::kRollback).IgnoreError();
}

}  // namespace tpsweep::server
