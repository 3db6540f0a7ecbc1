#include "server/store/postgres_store.h"

#include "common/status_macros.h"
#include "server/store/postgres_schema.h"
#include "server/store/postgres_writer.h"
#include "server/store/sql_reads_impl.h"

namespace tpsweep::server {

template class SqlReads<PostgresPool>;

namespace {

constexpr size_t kNumReaders = 4;

}  // namespace

PostgresStore::PostgresStore(const PostgresTarget& writer, int64_t epoch)
    : SqlReads(PostgresTarget{.uri = writer.uri}, PostgresPool::Access::kRead, kNumReaders),
      target_(writer),
      epoch_(epoch),
      writer_(writer, PostgresPool::Access::kWrite, 1) {}

absl::StatusOr<std::unique_ptr<PostgresStore>> PostgresStore::Open(const PostgresTarget& writer,
                                                                   int64_t epoch) {
  TP_ASSIGN_OR_RETURN(const auto connection, PostgresConnection::Open(writer));
  TP_RETURN_IF_ERROR(MigrateSchema(*connection, epoch, PostgresSteps()));
  return std::unique_ptr<PostgresStore>(new PostgresStore(writer, epoch));
}

absl::Status PostgresStore::Commit(absl::Span<const WriteBatch> batches) {
  TP_ASSIGN_OR_RETURN(const PostgresPool::Transaction transaction, writer_.Begin());
  return WriteBatches(*transaction, epoch_, batches);
}

absl::Status PostgresStore::GiveBackRoom() {
  // Not within a transaction, as the pool's connections are.
  TP_ASSIGN_OR_RETURN(const auto connection, PostgresConnection::Open(target_));
  return connection->Execute("VACUUM FULL measurements");
}

}  // namespace tpsweep::server
