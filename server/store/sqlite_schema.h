// The tables of the SQLite store, as steps from one version to the next, and the
// marks by which a file is known to be one.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/store/sqlite_connection.h"

namespace tpsweep::server {

// Step i brings a file of version i to version i + 1. Steps that were released
// are never edited; a change of the tables is a further step.
absl::Span<const char* const> SchemaSteps();

// Looks at the file itself, before SQLite gets to write beside it.
//   kFailedPrecondition   there is something, and it is not a tpsweep store
// A missing or empty file is fine: it becomes a store.
absl::Status CheckStoreFile(const std::string& path);

// Applies the steps that the file has not had, each in a transaction of its own:
// on an error the file has the version that the last good step gave it.
//   kFailedPrecondition   another application's file, or a version above these
//                         steps; nothing is changed
absl::Status Migrate(SqliteConnection& connection, absl::Span<const char* const> steps);

}  // namespace tpsweep::server
