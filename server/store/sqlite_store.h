// A store in one SQLite file: the default of tpsweep-server. Write-ahead log,
// synchronous=FULL: what Commit has returned survives a loss of power.
//
// Thread-safe. Commits go one at a time; reads go beside them. The file belongs
// to one server at a time (a lock on <path>.lock, held for life).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "server/store/file_lock.h"
#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_readers.h"
#include "server/store/store.h"

namespace tpsweep::server {

class SqliteStore final : public Store {
 public:
  // Opens the file, creates it if it is missing or empty, and brings the tables
  // of an older version up to date.
  //   kFailedPrecondition   another server has it; it is no tpsweep store; or a
  //                         newer version wrote it. It is left as it is.
  //   kUnavailable          it cannot be opened, created or written
  //   kDataLoss             it is damaged
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::string& path);

  absl::Status Commit(absl::Span<const WriteBatch> batches) override;

  absl::StatusOr<v1::Study> GetStudy(absl::string_view name) const override;
  absl::StatusOr<v1::Run> GetRun(absl::string_view name) const override;
  absl::StatusOr<Page<v1::Study>> ListStudies(const StudyFilter& filter,
                                              const PageRequest& page) const override;
  absl::StatusOr<Page<v1::Trial>> ListTrials(const TrialFilter& filter,
                                             const PageRequest& page) const override;
  absl::StatusOr<Page<v1::Run>> ListRuns(const RunFilter& filter,
                                         const PageRequest& page) const override;
  absl::StatusOr<Page<v1::MeasurementRecord>> ListMeasurements(
      const MeasurementFilter& filter, const PageRequest& page) const override;
  absl::StatusOr<std::vector<v1::Attempt>> OpenAttempts() const override;
  absl::StatusOr<int64_t> LastSequence(absl::string_view attempt) const override;
  absl::StatusOr<std::vector<v1::Trial>> BestTrials(absl::string_view study, v1::Goal goal,
                                                    int count) const override;
  absl::StatusOr<std::vector<v1::Event>> ListEvents(absl::string_view study, int64_t after_revision,
                                                    int limit) const override;
  absl::StatusOr<int64_t> LastRevision() const override;

 private:
  SqliteStore(FileLock file_lock, std::unique_ptr<SqliteConnection> writer)
      : file_lock_(std::move(file_lock)), writer_(std::move(writer)) {}

  FileLock file_lock_;  // first in, last out
  Mutex write_mu_;      // held for a commit: it guards the connection, not memory
  std::unique_ptr<SqliteConnection> writer_ ABSL_PT_GUARDED_BY(write_mu_);
  mutable SqliteReaders readers_;
};

}  // namespace tpsweep::server
