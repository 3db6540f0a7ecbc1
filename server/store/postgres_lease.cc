#include "server/store/postgres_lease.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tpsweep::server {
namespace {

absl::Status NotTheLeader() {
  return absl::FailedPreconditionError(
      "not the leader any more: another coordinator has taken over");
}

}  // namespace

PostgresQuery HoldLease(int64_t epoch) {
  return PostgresQuery("SELECT 1 FROM lease WHERE epoch = $1 FOR KEY SHARE").Bind(epoch);
}

absl::Status CheckHeld(const PostgresResult& held) {
  return held.rows() == 1 ? absl::OkStatus() : NotTheLeader();
}

absl::Status CheckLease(PostgresConnection& connection, int64_t epoch) {
  TP_ASSIGN_OR_RETURN(const PostgresResult held, connection.Run(HoldLease(epoch)));
  return CheckHeld(held);
}

std::string WriterName(absl::string_view holder) { return absl::StrCat("tpsweep-server/", holder); }

absl::StatusOr<LeaseState> ReadLease(PostgresConnection& connection) {
  TP_ASSIGN_OR_RETURN(const PostgresResult lease,
                      connection.Run(PostgresQuery("SELECT epoch, holder, address FROM lease")));
  if (lease.rows() != 1) return absl::DataLossError("store: the coordinators' lease is gone");
  return LeaseState{lease.Integer(0, 0), std::string(lease.Bytes(0, 1)),
                    std::string(lease.Bytes(0, 2))};
}

absl::StatusOr<LeaseState> TakeLease(PostgresConnection& connection, const std::string& holder,
                                     const std::string& address, absl::Duration patience) {
  // now() is the same in all statements: who is not expired yet in the first is not in the last.
  const double seconds = absl::ToDoubleSeconds(patience);
  const auto end_writers = [&](int64_t wait_milliseconds) {
    return connection.Run(
        PostgresQuery("SELECT pg_terminate_backend(a.pid, $3)"
                      " FROM pg_stat_activity AS a, lease AS l"
                      " WHERE l.renewed_at < now() - make_interval(secs => $1)"
                      " AND a.application_name = $2 || l.holder AND a.datname = current_database()"
                      " AND a.usename = current_user")
            .Bind(seconds)
            .Bind(WriterName(""))
            .Bind(wait_milliseconds));
  };
  TP_ASSIGN_OR_RETURN(const PostgresResult told, end_writers(0));
  if (told.rows() > 0) {  // for each of them, now that all know
    TP_RETURN_IF_ERROR(end_writers(1000).status());
  }
  // Not while somebody holds it all the same, who began to write just now: the next attempt
  // ends that one too.
  TP_RETURN_IF_ERROR(
      connection
          .Run(PostgresQuery("UPDATE lease SET epoch = epoch + 1, holder = $1, address = $2,"
                             " renewed_at = clock_timestamp()"
                             " WHERE epoch = (SELECT epoch FROM lease"
                             "  WHERE renewed_at < now() - make_interval(secs => $3)"
                             "  FOR UPDATE SKIP LOCKED)")
                   .Bind(holder)
                   .Bind(address)
                   .Bind(seconds))
          .status());
  return ReadLease(connection);
}

absl::Status RenewLease(PostgresConnection& connection, int64_t epoch, const std::string& address) {
  TP_ASSIGN_OR_RETURN(
      const PostgresResult renewed,
      connection.Run(PostgresQuery("UPDATE lease SET renewed_at = clock_timestamp(),"
                                   " address = $2 WHERE epoch = $1 RETURNING 1")
                         .Bind(epoch)
                         .Bind(address)));
  return CheckHeld(renewed);
}

absl::Status GiveUpLease(PostgresConnection& connection, int64_t epoch) {
  return connection
      .Run(PostgresQuery("UPDATE lease SET renewed_at = '-infinity' WHERE epoch = $1").Bind(epoch))
      .status();
}

}  // namespace tpsweep::server
