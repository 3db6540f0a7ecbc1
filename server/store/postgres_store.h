// A store in a PostgreSQL database, which several coordinators may share: the one that
// leads (leadership.h) writes. What Commit has returned is as durable as the database
// makes it.
//
// Thread-safe. Commits go one at a time; reads go beside them.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "server/store/postgres_pool.h"
#include "server/store/sql_reads.h"

namespace tpsweep::server {

extern template class SqlReads<PostgresPool>;

class PostgresStore final : public SqlReads<PostgresPool> {
 public:
  // For the leader of `epoch`; brings the tables of an older version up to date.
  // `writer` is where its commits go: the same database, under the leader's name.
  //   kFailedPrecondition   they would have to be, and it is not the leader any more
  //   kUnavailable          the database cannot be reached or written
  static absl::StatusOr<std::unique_ptr<PostgresStore>> Open(const PostgresTarget& writer,
                                                             int64_t epoch);

  // Also kFailedPrecondition: another coordinator leads now.
  absl::Status Commit(absl::Span<const WriteBatch> batches) override;
  absl::Status GiveBackRoom() override;

 private:
  PostgresStore(const PostgresTarget& writer, int64_t epoch);

  const PostgresTarget target_;
  const int64_t epoch_;
  PostgresPool writer_;
};

}  // namespace tpsweep::server
