// Looking after the file of an SQLite store: check, copy, put back.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace tpsweep::server {

class SqliteConnection;

// Whether the file is a store that this program can read, and every page of it is as it
// should be. Also while a server has it.
//   kNotFound            no such file
//   kDataLoss            it is damaged: says what SQLite finds
//   kFailedPrecondition  no store, or of a newer version
absl::Status CheckSqliteStore(const std::string& path);

// Copies the store as it is at one moment into a new file, compact and checked; also while
// a server writes to it. kAlreadyExists if there is a file `to`; otherwise as
// CheckSqliteStore, and kUnavailable if the copy cannot be written: then none is left.
absl::Status BackUpSqliteStore(const std::string& path, const std::string& to);
// The same for an open connection.
absl::Status BackUp(SqliteConnection& connection, const std::string& to);

// Makes the copy `from` the store `path`. kFailedPrecondition while a server has `path`,
// kAlreadyExists if there is such a file; otherwise as BackUpSqliteStore.
absl::Status RestoreSqliteStore(const std::string& from, const std::string& path);

}  // namespace tpsweep::server
