// One connection to an SQLite file, with its prepared statements.
//
// Not thread-safe: one thread at a time.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sqlite_sql.h"
#include "server/store/sqlite_statement.h"

namespace tpsweep::server {

class SqliteConnection {
 public:
  enum class Access {
    kWrite,  // creates the file if it is missing
    kRead,
  };

  // kUnavailable with the reason if the file cannot be opened.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const std::string& path,
                                                                Access access);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  const std::string& path() const { return path_; }

  // The statement, ready to be bound. It must go before the next use of the same.
  absl::StatusOr<SqliteStatement> Prepare(Sql sql);
  absl::StatusOr<SqliteStatement> Prepare(SqliteWrite sql);
  absl::Status Run(Sql sql);
  absl::Status Run(SqliteWrite sql);

  // Set-up only: statements that take no values.
  absl::Status Execute(const std::string& script);
  absl::StatusOr<int64_t> QueryInteger(const std::string& query);
  absl::StatusOr<std::string> QueryText(const std::string& query);

  // Ends the transaction, if there is one, and forgets what it did.
  void RollBack();

 private:
  SqliteConnection(std::string path, sqlite3* db) : path_(std::move(path)), db_(db) {}

  // `prepared` is null at first, and then the statement.
  absl::StatusOr<SqliteStatement> Prepare(const char* text, sqlite3_stmt*& prepared);

  // What `read` makes of the first row; T() if there is none.
  template <class T, class Read>
  absl::StatusOr<T> Query(const std::string& query, Read read);

  std::string path_;
  sqlite3* db_;
  std::array<sqlite3_stmt*, kNumSql> reads_{};
  std::array<sqlite3_stmt*, kNumSqliteWrites> writes_{};
};

}  // namespace tpsweep::server
