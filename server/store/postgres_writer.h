// Writes the batches of one commit of the PostgreSQL store, in two round trips however
// many they are: one asks what is there, one writes what they all come to, a table at a
// time.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/store/postgres_connection.h"
#include "server/store/store.h"

namespace tpsweep::server {

// `connection` is in a transaction, which is committed. On an error it must be rolled back.
// Errors of Store::Commit; kFailedPrecondition if `epoch` is not the leader's.
absl::Status WriteBatches(PostgresConnection& connection, int64_t epoch,
                          absl::Span<const WriteBatch> batches);

}  // namespace tpsweep::server
