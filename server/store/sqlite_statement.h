// One use of a prepared SQLite statement: bind its parameters in order, step
// through its rows, and leave it ready for the next use.
//
// Not thread-safe: used by whoever holds its connection.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tpsweep::server {

// What SQLite's result `code` of `db` means to the store's callers: kDataLoss for a
// damaged file, kUnavailable for a medium that cannot be used now. errno is that of
// the failed call, or 0.
absl::Status SqliteError(sqlite3* db, int code, absl::string_view doing);

class SqliteStatement {
 public:
  // `statement` is borrowed, and reset at the end.
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}
  ~SqliteStatement();
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement& operator=(SqliteStatement&&) = delete;

  // Each binds the next parameter. An error shows at the next step.
  SqliteStatement& Bind(int64_t value);
  SqliteStatement& Bind(double value);
  SqliteStatement& Bind(absl::string_view text);
  SqliteStatement& Bind(const google::protobuf::MessageLite& record);
  SqliteStatement& BindNull();

  // Goes to the next row; false after the last one.
  absl::StatusOr<bool> Next();
  // For statements without rows.
  absl::Status Run();

  // Of the current row. Text and blobs live until the next step.
  int64_t Integer(int column) const;
  absl::string_view Bytes(int column) const;

 private:
  void Note(int code);

  sqlite3_stmt* statement_;
  int next_parameter_ = 1;
  int bind_code_ = 0;
};

}  // namespace tpsweep::server
