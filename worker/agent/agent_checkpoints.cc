// The agent's checkpoints: those that it goes on from, and those that it leaves.
#include <utility>

#include "common/log.h"
#include "common/sha256.h"
#include "worker/agent/agent.h"

namespace tpsweep::agent {

using trainer::TrainingRun;

std::optional<Agent::Transfer> Agent::NextTransfer() {
  MutexLock lock(mu_);
  while (is_connected_) {
    if (is_welcome_) {
      for (auto& [name, wanted] : wanted_) {
        if (wanted.is_given || wanted.result) continue;
        wanted.is_given = true;
        return wanted.download;
      }
      for (auto& [name, attempt] : held_) {
        if (std::optional<Upload> upload = attempt->NextUpload()) return *std::move(upload);
      }
    }
    transfer_.Wait(mu_);
  }
  return std::nullopt;
}

void Agent::Uploaded(const Upload& upload, const absl::Status& status) {
  if (!status.ok()) {
    Log(LogLevel::kWarning, "checkpoint.not_kept",
        {{"attempt", upload.attempt}, {"why", status.message()}});
  }
  MutexLock lock(mu_);
  const auto entry = held_.find(upload.attempt);
  if (entry == held_.end()) return;
  entry->second->UploadEnded(upload.about.number(), status.ok());
  NotifyAll();
}

void Agent::Receive(const Download& download, Downloaded result) {
  MutexLock lock(mu_);
  const auto entry = wanted_.find(download.attempt());
  if (entry == wanted_.end()) return;  // not any more
  entry->second.result = std::move(result);
  NotifyAll();
}

Agent::Downloaded Agent::Fetch(HeldAttempt& attempt, const Download& download) {
  MutexLock lock(mu_);
  Wanted& wanted = wanted_[attempt.name()];
  wanted.download = download;
  NotifyAll();
  while (!wanted.result && !attempt.stop_requested() && !is_closing_) waiting_.Wait(mu_);
  Downloaded result = wanted.result
                          ? *std::move(wanted.result)
                          : Downloaded{absl::CancelledError("stopped before it began"), {}, {}};
  wanted_.erase(attempt.name());
  return result;
}

absl::StatusOr<int64_t> Agent::Restore(HeldAttempt& attempt, TrainingRun& run) {
  if (!attempt.lease().has_checkpoint()) return 0;
  if (const std::shared_ptr<const std::string> own = attempt.TakeOwnCheckpoint()) {
    const absl::Status restored = run.Restore(*own);
    if (restored.ok()) return attempt.lease().checkpoint().epoch();
    HandBackDamaged(attempt, restored);
    return restored;
  }
  Download download;
  download.set_attempt(attempt.name());
  for (;;) {
    const Downloaded got = Fetch(attempt, download);
    const bool is_damaged = absl::IsDataLoss(got.status) && got.checkpoint.has_value();
    if (!got.status.ok() && !is_damaged) return got.status;
    if (!got.checkpoint) {
      Log(LogLevel::kWarning, "attempt.begins_again", {{"attempt", attempt.name()}});
      return 0;
    }
    absl::Status restored = got.status;
    if (restored.ok() && Sha256Hex(got.bytes) != got.checkpoint->sha256()) {
      restored = absl::DataLossError("its bytes have another digest");
    }
    if (restored.ok()) {
      const bool is_inherited = got.checkpoint->attempt() == 0;  // of the trial's parent
      restored = is_inherited ? run.Inherit(got.bytes) : run.Restore(got.bytes);
    }
    if (restored.ok()) {
      MutexLock lock(mu_);
      attempt.GoOnFrom(*got.checkpoint);
      return got.checkpoint->epoch();
    }
    Log(LogLevel::kWarning, "checkpoint.rejected",
        {{"attempt", attempt.name()}, {"why", restored.message()}});
    download.set_rejected_sha256(got.checkpoint->sha256());
    download.set_reason(std::string(restored.message()));
  }
}

bool Agent::IsCheckpointUnderWay(const HeldAttempt& attempt) {
  MutexLock lock(mu_);
  return is_welcome_ && attempt.WaitingCheckpoint().has_value();
}

std::optional<Agent::Upload> Agent::SaveCheckpoint(HeldAttempt& attempt, const TrainingRun& run,
                                                   int64_t epoch) {
  auto bytes = std::make_shared<const std::string>(run.Checkpoint());
  v1::Checkpoint about;
  about.set_epoch(epoch);
  about.set_bytes(static_cast<int64_t>(bytes->size()));
  about.set_sha256(Sha256Hex(*bytes));
  MutexLock lock(mu_);
  attempt.Add(std::move(about), std::move(bytes));
  NotifyAll();
  return attempt.WaitingCheckpoint();
}

}  // namespace tpsweep::agent
