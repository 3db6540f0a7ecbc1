// Writes batches within one transaction of the SQLite store.
//
// Lives as long as the transaction: it remembers what is there, so that a
// thousand measurements of an attempt look for the attempt once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/names.h"
#include "server/store/sqlite_connection.h"
#include "server/store/store.h"

namespace tpsweep::server {

class SqliteWriter {
 public:
  // `connection` is in a transaction, and outlives this.
  explicit SqliteWriter(SqliteConnection& connection) : connection_(connection) {}

  // On an error the transaction must be rolled back.
  absl::Status Write(const WriteBatch& batch);

 private:
  absl::Status Delete(const std::string& study);
  absl::Status Remove(const Thinning& thinning);
  absl::Status Put(const v1::Study& record);
  absl::Status Put(const v1::Trial& record);
  absl::Status Put(const v1::Run& record);
  absl::Status Put(const v1::Attempt& record);
  absl::Status Put(const v1::MeasurementRecord& record);
  absl::Status Put(const v1::Event& record);

  // The study's key; kNotFound if `name` is not there.
  absl::StatusOr<int64_t> Find(const StudyName& name);
  absl::StatusOr<int64_t> Find(const TrialName& name);
  absl::StatusOr<int64_t> Find(const RunName& name);
  absl::StatusOr<int64_t> Find(const AttemptName& name);
  absl::StatusOr<int64_t> LastRevision();

  SqliteConnection& connection_;
  std::map<std::string, int64_t> studies_;
  std::set<TrialName> trials_;
  std::set<RunName> runs_;
  std::set<AttemptName> attempts_;
  std::optional<int64_t> last_revision_;
};

}  // namespace tpsweep::server
