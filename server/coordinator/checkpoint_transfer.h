// The bytes of one checkpoint on their way from a worker into the store, or back:
// checked against its digest on both.
//
// Not thread-safe: one transfer, one caller at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/sha256.h"
#include "server/store/checkpoint_store.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

class Coordinator;

class CheckpointUpload {
 public:
  // Only the coordinator makes one; it must outlive it. `bytes` are reserved of its quota.
  CheckpointUpload(Coordinator& coordinator, std::string attempt, CheckpointName name,
                   int64_t bytes, std::unique_ptr<CheckpointStore::Upload> upload);
  ~CheckpointUpload();
  CheckpointUpload(const CheckpointUpload&) = delete;
  CheckpointUpload& operator=(const CheckpointUpload&) = delete;

  absl::Status Append(absl::string_view bytes);
  // Durable if OK. kDataLoss: the bytes are not those that were announced.
  absl::Status Finish();

 private:
  Coordinator& coordinator_;
  const std::string attempt_;
  const CheckpointName name_;
  const int64_t bytes_;
  const std::unique_ptr<CheckpointStore::Upload> upload_;
  Sha256 digest_;
  int64_t received_ = 0;
};

class CheckpointDownload {
 public:
  // Without `checkpoint` there is nothing to go on from, and no bytes. They are those of
  // `run`, or else of `parent`, from which they could not be copied.
  CheckpointDownload(const CheckpointStore& store, RunName run, RunName parent,
                     std::optional<v1::Checkpoint> checkpoint);

  const std::optional<v1::Checkpoint>& checkpoint() const { return checkpoint_; }
  // At most 1 MiB, empty at the end. kDataLoss: they are gone, or damaged.
  absl::StatusOr<std::string> Next();

 private:
  const CheckpointStore& store_;
  const RunName run_;
  const RunName parent_;
  const std::optional<v1::Checkpoint> checkpoint_;
  Sha256 digest_;
  int64_t sent_ = 0;
};

}  // namespace tpsweep::server
