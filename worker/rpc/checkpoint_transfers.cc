#include "worker/rpc/checkpoint_transfers.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "worker/rpc/status.h"

namespace tpsweep::agent {
namespace {

constexpr size_t kPartBytes = 1 << 20;
constexpr absl::Duration kPause = absl::Seconds(1);
// A server that cannot take a checkpoint (its disk is full) must not keep the run from
// reporting: after so many tries there is no such checkpoint.
constexpr int kUploadTries = 5;

// Whether trying again may help.
bool MayPass(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return true;
    default:
      return false;
  }
}

}  // namespace

CheckpointTransfers::CheckpointTransfers(v1::WorkerService::Stub& stub, Agent& agent, Clock& clock)
    : stub_(stub), agent_(agent), clock_(clock), thread_([this] { Loop(); }) {}

CheckpointTransfers::~CheckpointTransfers() {
  {
    MutexLock lock(mu_);
    is_over_ = true;
    if (context_ != nullptr) context_->TryCancel();
    over_.NotifyAll();
  }
  thread_.join();
}

void CheckpointTransfers::Loop() {
  while (const std::optional<Agent::Transfer> transfer = agent_.NextTransfer()) {
    if (!Do(*transfer)) return;
  }
}

bool CheckpointTransfers::Do(const Agent::Transfer& transfer) {
  for (int tries = 1;; ++tries) {
    if (const auto* upload = std::get_if<Agent::Upload>(&transfer)) {
      const absl::Status status = Put(*upload);
      if (!MayPass(status) || tries == kUploadTries) {
        agent_.Uploaded(*upload, status);
        return true;
      }
    } else {
      const auto& download = std::get<Agent::Download>(transfer);
      Agent::Downloaded result = Get(download);
      if (!MayPass(result.status)) {
        agent_.Receive(download, std::move(result));
        return true;
      }
    }
    if (!Pause()) return false;
  }
}

absl::Status CheckpointTransfers::Put(const Agent::Upload& upload) {
  grpc::ClientContext context;
  if (!Begin(context)) return absl::CancelledError("the stream is over");
  v1::PutCheckpointResponse response;
  const auto writer = stub_.PutCheckpoint(&context, &response);
  v1::CheckpointPart part;
  part.set_attempt(upload.attempt);
  *part.mutable_checkpoint() = upload.about;
  bool is_taken = writer->Write(part);
  for (size_t at = 0; is_taken && at < upload.bytes->size(); at += kPartBytes) {
    part.Clear();
    part.set_data(upload.bytes->substr(at, kPartBytes));
    is_taken = writer->Write(part);
  }
  writer->WritesDone();
  const absl::Status status = ToAbsl(writer->Finish());
  End();
  return status;
}

Agent::Downloaded CheckpointTransfers::Get(const Agent::Download& download) {
  Agent::Downloaded result;
  grpc::ClientContext context;
  if (!Begin(context)) {
    result.status = absl::CancelledError("the stream is over");
    return result;
  }
  const auto reader = stub_.GetCheckpoint(&context, download);
  v1::CheckpointPart part;
  while (reader->Read(&part)) {
    if (part.has_checkpoint()) result.checkpoint = part.checkpoint();
    result.bytes += part.data();
  }
  result.status = ToAbsl(reader->Finish());
  End();
  return result;
}

bool CheckpointTransfers::Begin(grpc::ClientContext& context) {
  MutexLock lock(mu_);
  if (!is_over_) context_ = &context;
  return !is_over_;
}

void CheckpointTransfers::End() {
  MutexLock lock(mu_);
  context_ = nullptr;
}

bool CheckpointTransfers::Pause() {
  const absl::Duration until = clock_.Elapsed() + kPause;
  MutexLock lock(mu_);
  while (!is_over_ && clock_.Elapsed() < until) {
    clock_.WaitFor(over_, mu_, until - clock_.Elapsed());
  }
  return !is_over_;
}

}  // namespace tpsweep::agent
