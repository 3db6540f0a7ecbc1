#include "server/store/sqlite_statement.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tpsweep::server {

absl::Status SqliteError(sqlite3* db, int code, absl::string_view doing) {
  const int last_error = errno;
  std::string message = absl::StrCat("store: ", doing, ": ", sqlite3_errstr(code));
  if (db != nullptr) {
    const absl::string_view detail = sqlite3_errmsg(db);
    if (detail != sqlite3_errstr(code)) absl::StrAppend(&message, " (", detail, ")");
    // SQLite does not keep the reason of a commit that failed.
    const int kept_error = sqlite3_system_errno(db);
    const int system_error = kept_error != 0 ? kept_error : last_error;
    if (((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN) && system_error != 0) {
      absl::StrAppend(&message, ": ", std::strerror(system_error));
    }
  }
  switch (code & 0xff) {  // the low byte is the kind of error
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
      return absl::UnavailableError(message);
    default:
      return absl::InternalError(message);
  }
}

SqliteStatement::~SqliteStatement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

SqliteStatement::SqliteStatement(SqliteStatement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)),
      next_parameter_(other.next_parameter_),
      bind_code_(other.bind_code_) {}

SqliteStatement& SqliteStatement::Bind(int64_t value) {
  Note(sqlite3_bind_int64(statement_, next_parameter_++, value));
  return *this;
}

SqliteStatement& SqliteStatement::Bind(double value) {
  Note(sqlite3_bind_double(statement_, next_parameter_++, value));
  return *this;
}

SqliteStatement& SqliteStatement::Bind(absl::string_view text) {
  Note(sqlite3_bind_text64(statement_, next_parameter_++, text.data() == nullptr ? "" : text.data(),
                           text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

SqliteStatement& SqliteStatement::Bind(const google::protobuf::MessageLite& record) {
  const std::string bytes = record.SerializeAsString();
  Note(sqlite3_bind_blob64(statement_, next_parameter_++, bytes.data(), bytes.size(),
                           SQLITE_TRANSIENT));
  return *this;
}

SqliteStatement& SqliteStatement::BindNull() {
  Note(sqlite3_bind_null(statement_, next_parameter_++));
  return *this;
}

void SqliteStatement::Note(int code) {
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
}

absl::StatusOr<bool> SqliteStatement::Next() {
  sqlite3* const db = sqlite3_db_handle(statement_);
  if (bind_code_ != SQLITE_OK) return SqliteError(db, bind_code_, "binding a parameter");
  errno = 0;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return SqliteError(db, sqlite3_extended_errcode(db), sqlite3_sql(statement_));
}

absl::Status SqliteStatement::Run() { return Next().status(); }

int64_t SqliteStatement::Integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

absl::string_view SqliteStatement::Bytes(int column) const {
  const void* const bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr
             ? absl::string_view()
             : absl::string_view(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

}  // namespace tpsweep::server
