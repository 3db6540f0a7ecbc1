// The lease by which one of several coordinators on a database leads: one row. Each time
// it is taken its epoch grows, and every transaction that writes holds on to the epoch it
// belongs to: who has lost the lease can write nothing more, whatever it believes.
//
// A writing transaction locks the row FOR KEY SHARE. Renewing the lease does not change
// the key and so is not in its way; taking it does, and fails while somebody holds the row.
// So that a process that is stopped in the middle of a write does not keep it for ever, the
// connections of the former holder are ended first.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/postgres_connection.h"

namespace tpsweep::server {

// To be run, and its result checked, in each transaction that writes.
PostgresQuery HoldLease(int64_t epoch);
// kFailedPrecondition: "not the leader any more".
absl::Status CheckHeld(const PostgresResult& held);
// Both.
absl::Status CheckLease(PostgresConnection& connection, int64_t epoch);

// The name of `holder`'s connections that write.
std::string WriterName(absl::string_view holder);

struct LeaseState {
  int64_t epoch = 0;
  std::string holder;
  std::string address;  // where the holder says that it serves
};
absl::StatusOr<LeaseState> ReadLease(PostgresConnection& connection);

// Takes the lease for `holder` if it was not renewed for `patience`, on the database's
// clock. What holds afterwards: it was taken if it is ours.
absl::StatusOr<LeaseState> TakeLease(PostgresConnection& connection, const std::string& holder,
                                     const std::string& address, absl::Duration patience);

// kFailedPrecondition if another has taken it.
absl::Status RenewLease(PostgresConnection& connection, int64_t epoch, const std::string& address);

// Lets others take it at once.
absl::Status GiveUpLease(PostgresConnection& connection, int64_t epoch);

}  // namespace tpsweep::server
