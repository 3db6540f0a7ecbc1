#include "server/rpc/checkpoint_streams.h"

#include <memory>
#include <utility>

#include "server/rpc/status.h"

namespace tpsweep::server {
namespace {

class Intake final : public grpc::ServerReadReactor<v1::CheckpointPart> {
 public:
  explicit Intake(Coordinator& coordinator) : coordinator_(coordinator) { StartRead(&part_); }

  void OnReadDone(bool ok) override {
    const absl::Status status = ok ? Take() : End();
    if (status.ok() && ok) return StartRead(&part_);
    Finish(ToGrpc(status));
  }
  void OnDone() override { delete this; }

 private:
  absl::Status Take() {
    if (upload_ != nullptr) return upload_->Append(part_.data());
    absl::StatusOr<std::unique_ptr<CheckpointUpload>> upload =
        coordinator_.PutCheckpoint(part_.attempt(), part_.checkpoint());
    if (upload.ok()) upload_ = *std::move(upload);
    return upload.status();
  }
  absl::Status End() {
    if (upload_ == nullptr) return absl::InvalidArgumentError("nothing was put");
    return upload_->Finish();
  }

  Coordinator& coordinator_;
  v1::CheckpointPart part_;
  std::unique_ptr<CheckpointUpload> upload_;
};

class Outlet final : public grpc::ServerWriteReactor<v1::CheckpointPart> {
 public:
  Outlet(Coordinator& coordinator, const v1::GetCheckpointRequest& request) {
    absl::StatusOr<std::unique_ptr<CheckpointDownload>> download =
        coordinator.GetCheckpoint(request);
    if (!download.ok()) {
      Finish(ToGrpc(download.status()));
      return;
    }
    download_ = *std::move(download);
    part_.set_attempt(request.attempt());
    if (download_->checkpoint()) *part_.mutable_checkpoint() = *download_->checkpoint();
    StartWrite(&part_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the worker is gone"));
    absl::StatusOr<std::string> data = download_->Next();
    if (!data.ok() || data->empty()) return Finish(ToGrpc(data.status()));
    part_.Clear();
    part_.set_data(*std::move(data));
    StartWrite(&part_);
  }
  void OnDone() override { delete this; }

 private:
  v1::CheckpointPart part_;
  std::unique_ptr<CheckpointDownload> download_;
};

}  // namespace

grpc::ServerReadReactor<v1::CheckpointPart>* MakeCheckpointIntake(Coordinator& coordinator) {
  return new Intake(coordinator);
}

grpc::ServerWriteReactor<v1::CheckpointPart>* MakeCheckpointOutlet(
    Coordinator& coordinator, const v1::GetCheckpointRequest& request) {
  return new Outlet(coordinator, request);
}

}  // namespace tpsweep::server
