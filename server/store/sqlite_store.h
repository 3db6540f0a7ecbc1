// A store in one SQLite file: the default of tpsweep-server. Write-ahead log,
// synchronous=FULL: what Commit has returned survives a loss of power.
//
// Thread-safe. Commits go one at a time; reads go beside them. The file belongs
// to one server at a time (a lock on <path>.lock, held for life).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "server/store/file_lock.h"
#include "server/store/sql_reads.h"
#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_readers.h"

namespace tpsweep::server {

extern template class SqlReads<SqliteReaders>;

class SqliteStore final : public SqlReads<SqliteReaders> {
 public:
  // Opens the file, creates it if it is missing or empty, and brings the tables
  // of an older version up to date.
  //   kFailedPrecondition   another server has it; it is no tpsweep store; or a
  //                         newer version wrote it. It is left as it is.
  //   kUnavailable          it cannot be opened, created or written
  //   kDataLoss             it is damaged
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::string& path);

  absl::Status Commit(absl::Span<const WriteBatch> batches) override;
  absl::Status GiveBackRoom() override;

 private:
  SqliteStore(FileLock file_lock, std::unique_ptr<SqliteConnection> writer)
      : file_lock_(std::move(file_lock)), writer_(std::move(writer)) {}

  FileLock file_lock_;  // first in, last out
  Mutex write_mu_;      // held for a commit: it guards the connection, not memory
  std::unique_ptr<SqliteConnection> writer_ ABSL_PT_GUARDED_BY(write_mu_);
};

}  // namespace tpsweep::server
