// Checkpoints as files in a folder of the server's own, one folder a study:
// STUDY/TRIAL-REPLICATE-SHA256.safetensors. Whole or absent (common/file.h).
#pragma once

#include <string>

#include "server/store/checkpoint_store.h"

namespace tpsweep::server {

class FolderCheckpoints final : public CheckpointStore {
 public:
  // Creates the folder if it is missing, and removes what an interrupted upload left.
  static absl::StatusOr<std::unique_ptr<FolderCheckpoints>> Open(const std::string& folder);

  absl::StatusOr<std::unique_ptr<Upload>> Put(const CheckpointName& name) override;
  absl::StatusOr<std::string> Read(const CheckpointName& name, int64_t offset,
                                   int64_t size) const override;
  absl::Status Copy(const CheckpointName& from, const CheckpointName& to) override;
  absl::Status Remove(const CheckpointName& name) override;
  absl::StatusOr<std::vector<StoredCheckpoint>> List() const override;

 private:
  explicit FolderCheckpoints(std::string folder) : folder_(std::move(folder)) {}
  std::string PathOf(const CheckpointName& name) const;

  const std::string folder_;
};

}  // namespace tpsweep::server
