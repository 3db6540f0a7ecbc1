// Checkpoints in a PostgreSQL database, in chunks of one size: complete or absent. Only
// the leader (leadership.h) writes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "server/store/checkpoint_store.h"
#include "server/store/postgres_pool.h"

namespace tpsweep::server {

class PostgresCheckpoints final : public CheckpointStore {
 public:
  // After PostgresStore::Open, which makes the tables. Removes what interrupted uploads
  // have left.
  static absl::StatusOr<std::unique_ptr<PostgresCheckpoints>> Open(const PostgresTarget& writer,
                                                                   int64_t epoch);

  absl::StatusOr<std::unique_ptr<Upload>> Put(const CheckpointName& name) override;
  absl::StatusOr<std::string> Read(const CheckpointName& name, int64_t offset,
                                   int64_t size) const override;
  absl::Status Copy(const CheckpointName& from, const CheckpointName& to) override;
  absl::Status Remove(const CheckpointName& name) override;
  absl::StatusOr<std::vector<StoredCheckpoint>> List() const override;

 private:
  class PostgresUpload;

  PostgresCheckpoints(const PostgresTarget& writer, int64_t epoch);

  absl::StatusOr<int64_t> NewId();
  // Runs `queries` in one transaction of the leader.
  absl::Status Write(std::vector<PostgresQuery> queries);

  const int64_t epoch_;
  PostgresPool writers_;
  mutable PostgresPool readers_;
};

}  // namespace tpsweep::server
