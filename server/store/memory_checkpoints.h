// Checkpoints in memory: for servers that forget everything at their end, and tests.
#pragma once

#include <map>

#include "common/mutex.h"
#include "server/store/checkpoint_store.h"

namespace tpsweep::server {

class MemoryCheckpoints final : public CheckpointStore {
 public:
  absl::StatusOr<std::unique_ptr<Upload>> Put(const CheckpointName& name) override;
  absl::StatusOr<std::string> Read(const CheckpointName& name, int64_t offset,
                                   int64_t size) const override;
  absl::Status Copy(const CheckpointName& from, const CheckpointName& to) override;
  absl::Status Remove(const CheckpointName& name) override;
  absl::StatusOr<std::vector<StoredCheckpoint>> List() const override;

 private:
  class MemoryUpload;

  mutable Mutex mu_;
  std::map<CheckpointName, std::string> bytes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tpsweep::server
