// Which checkpoints are kept, and what becomes of the others.
//
// Kept: the last two of every run that has not ended (the second in case the first is
// damaged), and of runs that failed, which may be tried again. Everything else is
// garbage: removed once the record that no longer names it is durable, so that no
// record ever names bytes that were removed on purpose. Bytes without a record (an
// upload whose attempt ended first) go with the attempt, or when the server starts.
//
// A trial that goes on from another (Trial.fork) has a copy of that one's checkpoint, under
// its own name, so that each run's are its own affair. The record comes first, then the copy,
// then the lease that needs it: all I/O is on the writer's thread, in the order of the
// records, so the parent's bytes are there until they have been copied. A server that was
// killed between the two copies when it starts, before it removes anything.
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/names.h"
#include "common/status_macros.h"
#include "server/coordinator/check_messages.h"
#include "server/coordinator/coordinator.h"

namespace tpsweep::server {
namespace {

constexpr int kKept = 2;

absl::Status NotLeased(const std::string& attempt) {
  return absl::NotFoundError(absl::StrCat(attempt, " is not leased"));
}

bool Names(const v1::Run& run, const std::string& sha256) {
  for (const v1::Checkpoint& checkpoint : run.checkpoints()) {
    if (checkpoint.sha256() == sha256) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CheckpointUpload>> Coordinator::PutCheckpoint(
    const std::string& attempt, const v1::Checkpoint& checkpoint) {
  TP_ASSIGN_OR_RETURN(const AttemptName parsed, ParseAttemptName(attempt));
  TP_RETURN_IF_ERROR(Check(checkpoint));
  {
    MutexLock lock(mu_);
    if (is_draining_) return absl::UnavailableError("the server is draining; try again");
    if (leases_.Find(attempt) == nullptr) return NotLeased(attempt);
    TP_RETURN_IF_ERROR(ReserveCheckpointBytes(checkpoint.bytes()));
  }
  CheckpointName name{ParentOf(parsed), checkpoint.sha256()};
  absl::StatusOr<std::unique_ptr<CheckpointStore::Upload>> upload = checkpoints_.Put(name);
  if (!upload.ok()) {
    ReleaseCheckpointBytes(checkpoint.bytes());
    return upload.status();
  }
  return std::make_unique<CheckpointUpload>(*this, attempt, std::move(name), checkpoint.bytes(),
                                            *std::move(upload));
}

absl::Status Coordinator::ReserveCheckpointBytes(int64_t bytes) {
  int64_t total = checkpoint_bytes_reserved_ + bytes;
  for (const auto& [name, size] : checkpoint_bytes_) total += size;
  if (total > options_.checkpoint_quota) {
    // The spare ones go first.
    Change change(clock_.WallNow());
    for (auto& [number, study] : studies_) {
      if (total <= options_.checkpoint_quota) break;
      total -= study->DropSpareCheckpoints(total - options_.checkpoint_quota, change);
    }
    Publish(std::move(change));
  }
  if (total > options_.checkpoint_quota) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a checkpoint of ", bytes, " bytes does not fit into the quota of ",
                     options_.checkpoint_quota, " bytes for all (--checkpoint-quota)"));
  }
  checkpoint_bytes_reserved_ += bytes;
  return absl::OkStatus();
}

void Coordinator::ReleaseCheckpointBytes(int64_t bytes) {
  MutexLock lock(mu_);
  checkpoint_bytes_reserved_ -= bytes;
}

absl::Status Coordinator::CheckpointArrived(const std::string& attempt, const CheckpointName& name,
                                            int64_t bytes) {
  {
    MutexLock lock(mu_);
    if (leases_.Find(attempt) != nullptr || IsRecorded(name)) {
      checkpoint_bytes_[name] = bytes;
      return absl::OkStatus();
    }
  }
  if (absl::Status removed = checkpoints_.Remove(name); !removed.ok()) {
    Log(LogLevel::kWarning, "checkpoint.not_removed", {{"why", removed.message()}});
  }
  return NotLeased(attempt);
}

absl::Status Coordinator::CheckArrived(const Lease& lease, const v1::Checkpoint& checkpoint) const {
  if (checkpoint.number() <= lease.last_checkpoint) return absl::OkStatus();  // said before
  const RunName run = ParentOf(*ParseAttemptName(lease.attempt.name()));
  if (checkpoint_bytes_.contains({run, checkpoint.sha256()})) return absl::OkStatus();
  // Put before the server started again, perhaps: the worker puts it again.
  return absl::AbortedError(absl::StrCat("checkpoint ", checkpoint.number(), " of ",
                                         lease.attempt.name(), ": its bytes are not there"));
}

void Coordinator::TakeCheckpoint(Lease& lease, v1::Run& run, const v1::Checkpoint& checkpoint,
                                 Change& change) {
  if (checkpoint.number() <= lease.last_checkpoint) return;
  // Measurements before it are missing: they come again, and with them this.
  if (checkpoint.sequence() > lease.last_sequence) return;
  lease.last_checkpoint = checkpoint.number();
  // Of an attempt that had to begin again before the checkpoint it was given: what the
  // run had measured then is not known any more.
  if (checkpoint.sequence() < lease.last_sequence) return;
  v1::Checkpoint& kept = *run.add_checkpoints();
  kept = checkpoint;
  kept.set_attempt(lease.attempt.number());
  *kept.mutable_create_time() = ToProto(change.now);
  *kept.mutable_latest() = run.latest();
  *kept.mutable_entries() = run.entries();
  DropCheckpoints(run, kKept, change);
  change.AddEvent(
      "run.checkpoint", run.name(),
      absl::StrCat("after epoch ", checkpoint.epoch(), ", ", checkpoint.bytes(), " bytes"));
}

absl::StatusOr<std::unique_ptr<CheckpointDownload>> Coordinator::GetCheckpoint(
    const v1::GetCheckpointRequest& request) {
  TP_ASSIGN_OR_RETURN(const AttemptName name, ParseAttemptName(request.attempt()));
  MutexLock lock(mu_);
  const Lease* lease = leases_.Find(request.attempt());
  if (lease == nullptr) return NotLeased(request.attempt());
  StudyState& study = *FindStudy(lease->study);
  v1::Run& run = *study.FindOpen(lease->run);
  if (Names(run, request.rejected_sha256())) {
    Log(LogLevel::kWarning, "checkpoint.rejected",
        {{"run", run.name()}, {"sha256", request.rejected_sha256()}, {"why", request.reason()}});
    Change change(clock_.WallNow());
    study.RejectCheckpoint(run, request.rejected_sha256(), CutMessage(request.reason()), change);
    Publish(std::move(change));
  }
  std::optional<v1::Checkpoint> checkpoint;
  if (!run.checkpoints().empty()) checkpoint = *run.checkpoints().rbegin();
  RunName parent = ParentOf(name);
  if (study.trial(name.trial).has_fork()) parent.trial = study.trial(name.trial).fork().parent();
  return std::make_unique<CheckpointDownload>(checkpoints_, ParentOf(name), std::move(parent),
                                              std::move(checkpoint));
}

void Coordinator::CollectUnrecorded(const v1::Run& run, Change& change) {
  const RunName name = *ParseRunName(run.name());
  for (auto stored = checkpoint_bytes_.lower_bound({name, ""});
       stored != checkpoint_bytes_.end() && stored->first.run == name; ++stored) {
    if (!Names(run, stored->first.sha256)) change.garbage.push_back(stored->first);
  }
}

void Coordinator::CollectAllOf(const std::string& study, Change& change) {
  for (auto stored = checkpoint_bytes_.lower_bound({RunName{study, 0, 0}, ""});
       stored != checkpoint_bytes_.end() && stored->first.run.study == study; ++stored) {
    change.garbage.push_back(stored->first);
  }
}

bool Coordinator::IsRecorded(const CheckpointName& name) {
  StudyState* study = FindStudy(name.run.study);
  const v1::Run* run =
      study == nullptr ? nullptr : study->FindOpen({name.run.trial, name.run.replicate});
  return run != nullptr && Names(*run, name.sha256);
}

void Coordinator::CopyCheckpoints(const std::vector<CheckpointCopy>& copies) {
  for (const CheckpointCopy& copy : copies) {
    Reach(Failpoint::kBeforeCopy);
    // Whoever asks for it gets the parent's, as long as that is there.
    if (absl::Status copied = checkpoints_.Copy(copy.from, copy.to); !copied.ok()) {
      Log(LogLevel::kError, "checkpoint.not_copied",
          {{"run", ToString(copy.to.run)}, {"why", copied.message()}});
    }
    Reach(Failpoint::kAfterCopy);
  }
}

void Coordinator::RemoveGarbage(const std::vector<CheckpointName>& garbage) {
  for (const CheckpointName& name : garbage) {
    {
      MutexLock lock(mu_);
      if (checkpoint_bytes_.contains(name)) continue;  // put again meanwhile
    }
    Reach(Failpoint::kBeforeRemove);
    if (absl::Status removed = checkpoints_.Remove(name); !removed.ok()) {
      Log(LogLevel::kWarning, "checkpoint.not_removed", {{"why", removed.message()}});
    }
    Reach(Failpoint::kAfterRemove);
  }
}

absl::Status Coordinator::RecoverCheckpoints() {
  TP_ASSIGN_OR_RETURN(std::vector<StoredCheckpoint> stored, checkpoints_.List());
  std::set<CheckpointName> names;
  for (const StoredCheckpoint& checkpoint : stored) names.insert(checkpoint.name);
  for (const auto& [number, study] : studies_) {
    for (const CheckpointCopy& copy : study->Inherited()) {
      if (names.contains(copy.to) || !names.contains(copy.from)) continue;
      TP_RETURN_IF_ERROR(checkpoints_.Copy(copy.from, copy.to));
      names.insert(copy.to);
      stored.push_back({copy.to, copy.bytes});
    }
  }
  for (const StoredCheckpoint& checkpoint : stored) {
    bool is_recorded = IsRecorded(checkpoint.name);
    if (!is_recorded) {  // of a run that has ended?
      const absl::StatusOr<v1::Run> run = store_.GetRun(ToString(checkpoint.name.run));
      if (!run.ok() && !absl::IsNotFound(run.status())) return run.status();
      is_recorded = run.ok() && Names(*run, checkpoint.name.sha256);
    }
    if (is_recorded) {
      checkpoint_bytes_[checkpoint.name] = checkpoint.bytes;
    } else {
      TP_RETURN_IF_ERROR(checkpoints_.Remove(checkpoint.name));
    }
  }
  return absl::OkStatus();
}

}  // namespace tpsweep::server
