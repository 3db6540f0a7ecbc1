#include "server/coordinator/checkpoint_transfer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/failpoint.h"
#include "common/status_macros.h"
#include "server/coordinator/coordinator.h"

namespace tpsweep::server {
namespace {

constexpr int64_t kPartBytes = 1 << 20;

absl::Status Damaged(absl::string_view sha256, absl::string_view how) {
  return absl::DataLossError(absl::StrCat("checkpoint ", sha256, " is damaged: ", how));
}

}  // namespace

CheckpointUpload::CheckpointUpload(Coordinator& coordinator, std::string attempt,
                                   CheckpointName name, int64_t bytes,
                                   std::unique_ptr<CheckpointStore::Upload> upload)
    : coordinator_(coordinator),
      attempt_(std::move(attempt)),
      name_(std::move(name)),
      bytes_(bytes),
      upload_(std::move(upload)) {}

CheckpointUpload::~CheckpointUpload() { coordinator_.ReleaseCheckpointBytes(bytes_); }

absl::Status CheckpointUpload::Append(absl::string_view bytes) {
  received_ += static_cast<int64_t>(bytes.size());
  if (received_ > bytes_) {
    return absl::DataLossError(
        absl::StrCat("checkpoint ", name_.sha256, ": more bytes than the ", bytes_, " announced"));
  }
  digest_.Add(bytes);
  return upload_->Append(bytes);
}

absl::Status CheckpointUpload::Finish() {
  if (received_ != bytes_) {
    return absl::DataLossError(absl::StrCat("checkpoint ", name_.sha256, ": ", received_,
                                            " bytes instead of the ", bytes_, " announced"));
  }
  if (const std::string digest = digest_.Finish(); digest != name_.sha256) {
    return absl::DataLossError(
        absl::StrCat("checkpoint ", name_.sha256, ": the bytes have digest ", digest));
  }
  TP_RETURN_IF_ERROR(upload_->Finish());
  Reach(Failpoint::kAfterUpload);
  return coordinator_.CheckpointArrived(attempt_, name_, bytes_);
}

CheckpointDownload::CheckpointDownload(const CheckpointStore& store, RunName run, RunName parent,
                                       std::optional<v1::Checkpoint> checkpoint)
    : store_(store),
      run_(std::move(run)),
      parent_(std::move(parent)),
      checkpoint_(std::move(checkpoint)) {}

absl::StatusOr<std::string> CheckpointDownload::Next() {
  if (!checkpoint_ || sent_ == checkpoint_->bytes()) return std::string();
  const std::string& sha256 = checkpoint_->sha256();
  absl::StatusOr<std::string> part = store_.Read({run_, sha256}, sent_, kPartBytes);
  if (absl::IsNotFound(part.status())) part = store_.Read({parent_, sha256}, sent_, kPartBytes);
  if (absl::IsNotFound(part.status())) return Damaged(sha256, "it is gone");
  TP_RETURN_IF_ERROR(part.status());
  sent_ += static_cast<int64_t>(part->size());
  digest_.Add(*part);
  if (part->empty() || sent_ > checkpoint_->bytes()) {
    return Damaged(sha256, absl::StrCat("it does not have ", checkpoint_->bytes(), " bytes"));
  }
  if (sent_ == checkpoint_->bytes() && digest_.Finish() != sha256) {
    return Damaged(sha256, "its bytes have another digest");
  }
  return part;
}

}  // namespace tpsweep::server
