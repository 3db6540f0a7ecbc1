// One connection to a PostgreSQL database, over libpq, with its prepared statements.
//
// Not thread-safe: one thread at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/store/postgres_query.h"
#include "server/store/sql.h"

struct pg_conn;

namespace tpsweep::server {

struct PostgresTarget {
  std::string uri;  // postgres://[user@]host[:port]/database[?options], or libpq's key=value
  // By which the database shows our connections (application_name).
  std::string name = "tpsweep-server";
};

class PostgresConnection;

// One use of a read of sql.h: bind its parameters in order, and go through its rows.
class PostgresStatement {
 public:
  PostgresStatement(PostgresConnection& connection, const char* text)
      : connection_(connection), query_(text) {}

  PostgresStatement& Bind(int64_t value);
  PostgresStatement& Bind(absl::string_view bytes);

  // Goes to the next row; false after the last one. The first asks the database.
  absl::StatusOr<bool> Next();

  // Of the current row. Bytes live as long as the statement.
  int64_t Integer(int column) const { return rows_[0].Integer(row_, column); }
  absl::string_view Bytes(int column) const { return rows_[0].Bytes(row_, column); }

 private:
  PostgresConnection& connection_;
  PostgresQuery query_;
  std::vector<PostgresResult> rows_;  // one result, once it was asked for
  int row_ = -1;
};

class PostgresConnection {
 public:
  // kUnavailable with the reason if the database cannot be reached.
  static absl::StatusOr<std::unique_ptr<PostgresConnection>> Open(const PostgresTarget& target);
  ~PostgresConnection();
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  // False once it is known to be lost: it does not come back.
  bool is_open() const;
  // "database tpsweep at db.example.org:5432"; no secrets.
  std::string Where() const;

  // Is sent to the database, as are its parameters, when its first row is asked for.
  absl::StatusOr<PostgresStatement> Prepare(Sql sql);

  // Runs all of them, in order, in one round trip. After an error the rest is not run,
  // and the transaction is good for nothing but to be rolled back.
  absl::StatusOr<std::vector<PostgresResult>> Run(absl::Span<const PostgresQuery> queries);
  absl::StatusOr<PostgresResult> Run(const PostgresQuery& query);
  // Statements that take and give no values, separated by semicolons.
  absl::Status Execute(const std::string& script);

  // Ends the transaction, if there is one, and forgets what it did.
  void RollBack();

 private:
  explicit PostgresConnection(pg_conn* connection) : connection_(connection) {}

  // What `result` says is wrong; also whether the connection is lost.
  absl::Status Failure(const pg_result* result);
  // The connection is no longer in a state to be used.
  absl::Status Lose();

  pg_conn* connection_;
  bool is_lost_ = false;
  int next_name_ = 0;
  std::map<absl::string_view, std::string> prepared_;  // names by text
};

}  // namespace tpsweep::server
