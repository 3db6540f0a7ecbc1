// The tables of the PostgreSQL store, in a schema `tpsweep` of their own, as steps
// from one version to the next.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/store/postgres_connection.h"

namespace tpsweep::server {

// Step i brings a database of version i to version i + 1. Steps that were released
// are never edited; a change of the tables is a further step.
absl::Span<const char* const> PostgresSteps();

// What every coordinator needs before one of them leads: makes the schema, of version 0
// and with the lease that they lead by (leadership.h), if it is not there.
//   kFailedPrecondition   the schema is not tpsweep's, or of a version above these
//                         steps; nothing is changed
absl::Status PrepareSchema(PostgresConnection& connection, absl::Span<const char* const> steps);

// Applies the steps that the database has not had, each in a transaction of its own: on
// an error it has the version that the last good step gave it. Only for the leader of
// `epoch`: kFailedPrecondition if it is not.
absl::Status MigrateSchema(PostgresConnection& connection, int64_t epoch,
                           absl::Span<const char* const> steps);

}  // namespace tpsweep::server
