#include "server/store/sqlite_store.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "server/store/sql_reads_impl.h"
#include "server/store/sqlite_maintenance.h"
#include "server/store/sqlite_schema.h"
#include "server/store/sqlite_writer.h"

namespace tpsweep::server {

template class SqlReads<SqliteReaders>;

namespace {

constexpr int kNumReaders = 4;

// A store of an older version is copied to PATH.version-N before it is brought up to date.
absl::Status BackUpBeforeMigration(SqliteConnection& connection) {
  TP_ASSIGN_OR_RETURN(const int64_t version, connection.QueryInteger("PRAGMA user_version"));
  if (version < 1 || version >= static_cast<int64_t>(SchemaSteps().size())) return absl::OkStatus();
  const std::string copy = absl::StrCat(connection.path(), ".version-", version);
  const absl::Status done = BackUp(connection, copy);
  // From a start that got no further.
  if (absl::IsAlreadyExists(done)) return absl::OkStatus();
  if (done.ok()) Log(LogLevel::kInfo, "store.copied", {{"before_migration", copy}});
  return done;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& given_path) {
  if (given_path.empty()) return absl::InvalidArgumentError("the store's file has no name");
  // An absolute path is never one of SQLite's special names (":memory:").
  std::error_code error;
  const std::string path = std::filesystem::absolute(given_path, error).string();
  if (error) return absl::UnavailableError(absl::StrCat(given_path, ": ", error.message()));

  TP_RETURN_IF_ERROR(CheckStoreFile(path));
  absl::StatusOr<FileLock> file_lock = FileLock::Take(path + ".lock");
  if (!file_lock.ok()) {
    return absl::Status(
        file_lock.status().code(),
        absl::StrCat("store ", path, ": ", file_lock.status().message(),
                     absl::IsFailedPrecondition(file_lock.status())
                         ? "; one server at a time: stop the other one, or give this one a file "
                           "of its own"
                         : ""));
  }

  TP_ASSIGN_OR_RETURN(std::unique_ptr<SqliteConnection> writer,
                      SqliteConnection::Open(path, SqliteConnection::Access::kWrite));
  TP_RETURN_IF_ERROR(writer->Execute("PRAGMA synchronous = FULL; PRAGMA cache_size = -65536"));
  TP_RETURN_IF_ERROR(BackUpBeforeMigration(*writer));
  TP_RETURN_IF_ERROR(Migrate(*writer, SchemaSteps()));
  // After the first migration, which so marks the file itself and not its log.
  TP_ASSIGN_OR_RETURN(const std::string mode, writer->QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", path, ": the file system does not carry a write-ahead log (SQLite ",
                     "offers ", mode, "); put it on a local disk"));
  }
  TP_RETURN_IF_ERROR(writer->Execute("PRAGMA journal_size_limit = 67108864"));

  std::unique_ptr<SqliteStore> store(new SqliteStore(*std::move(file_lock), std::move(writer)));
  TP_RETURN_IF_ERROR(store->readers_.Open(path, kNumReaders));
  return store;
}

absl::Status SqliteStore::Commit(absl::Span<const WriteBatch> batches) {
  MutexLock lock(write_mu_);
  const auto write = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) -> absl::Status {
    TP_RETURN_IF_ERROR(writer_->Run(SqliteWrite::kBegin));
    SqliteWriter writer(*writer_);
    for (const WriteBatch& batch : batches) TP_RETURN_IF_ERROR(writer.Write(batch));
    return writer_->Run(SqliteWrite::kCommit);
  };
  absl::Status status = write();
  if (!status.ok()) writer_->RollBack();
  return status;
}

absl::Status SqliteStore::GiveBackRoom() {
  MutexLock lock(write_mu_);
  return writer_->Execute("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
}

}  // namespace tpsweep::server
