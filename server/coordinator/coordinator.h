// The only place that changes state: takes studies from users, hands their runs
// to workers, and takes in what workers report.
//
// All unfinished work is in memory, under one lock. Every change is made there
// and queued for the store in the same order; whoever asked for it is answered
// when it is durable. Started again on the same store, it goes on where it was.
//
// Thread-safe. No I/O under the lock. Answers are called back without it, on
// the writer's thread or the caller's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "server/coordinator/change.h"
#include "server/coordinator/checkpoint_transfer.h"
#include "server/coordinator/lease_table.h"
#include "server/coordinator/store_writer.h"
#include "server/coordinator/study_state.h"
#include "server/coordinator/worker_registry.h"
#include "server/store/checkpoint_store.h"
#include "server/store/store.h"
#include "tpsweep/v1/sweep_service.pb.h"
#include "tpsweep/v1/worker_service.pb.h"

namespace tpsweep::server {

struct CoordinatorOptions {
  // Silence after which a worker loses its leases.
  absl::Duration lease_ttl = absl::Seconds(30);
  // How long a user waits for a change to become durable.
  absl::Duration answer_limit = absl::Seconds(10);
  // Attempts of a run that may end FAILED.
  int max_failures = 3;
  // What all checkpoints together may take.
  int64_t checkpoint_quota = int64_t{20} << 30;
  // Told to workers.
  std::string version;
};

class Coordinator {
 public:
  // Takes up what the stores hold. All must outlive the coordinator, and only it may
  // use `writer` and change `checkpoints` from now on.
  static absl::StatusOr<std::unique_ptr<Coordinator>> Open(CoordinatorOptions options, Store& store,
                                                           CheckpointStore& checkpoints,
                                                           StoreWriter& writer, Clock& clock);
  // Stops the writer.
  ~Coordinator();

  // What users ask for (sweep_service.proto says what each does and fails with).
  using StudyAnswer = std::function<void(absl::StatusOr<v1::Study>)>;
  void CreateStudy(const v1::CreateStudyRequest& request, StudyAnswer done);
  void PauseStudy(absl::string_view name, StudyAnswer done);
  void ResumeStudy(absl::string_view name, StudyAnswer done);
  void CancelStudy(absl::string_view name, StudyAnswer done);
  void DeleteStudy(absl::string_view name, std::function<void(absl::Status)> done);

  void ExtendStudy(const v1::ExtendStudyRequest& request, StudyAnswer done);
  void ExtendTrial(const v1::ExtendTrialRequest& request, StudyAnswer done);
  void RetryRuns(const v1::RetryRunsRequest& request, StudyAnswer done);

  // Where a trial that has not ended is, and why; empty if it has.
  std::string Explain(const TrialName& trial) const;

  // Why nothing moves in `study`; empty if something does or it has ended.
  std::string WaitingReason(const v1::Study& study) const;
  // Those connected, and those that may still come back to their leases.
  std::vector<v1::Worker> Workers() const;

  // A worker's stream: Hello, then messages, then Disconnect. Errors end the
  // stream (worker_service.proto). Answers go to `link`, Welcome first.
  absl::StatusOr<SessionId> Connect(const v1::Hello& hello, std::shared_ptr<WorkerLink> link);
  absl::Status Receive(SessionId session, const v1::WorkerMessage& message);
  void Disconnect(SessionId session);
  // Calls `ready` when the next message may be read: at once, unless more waits
  // for the store than memory should hold.
  void WhenReadyForMore(std::function<void()> ready) { writer_.WhenRoom(std::move(ready)); }

  // What WorkerService.PutCheckpoint and GetCheckpoint do and fail with. These do I/O.
  absl::StatusOr<std::unique_ptr<CheckpointUpload>> PutCheckpoint(const std::string& attempt,
                                                                  const v1::Checkpoint& checkpoint);
  absl::StatusOr<std::unique_ptr<CheckpointDownload>> GetCheckpoint(
      const v1::GetCheckpointRequest& request);

  // To be called a few times in every lease_ttl: takes leases from silent workers,
  // and lets users who waited too long know.
  void Tick();

  // Takes no more studies, grants no more leases, and closes every worker's
  // stream. The leases stay: the workers find them when the server is back.
  void Drain();

 private:
  // What is known of every study, ended ones too.
  struct IndexEntry {
    int64_t number;  // in order of creation; key of studies_
    v1::StudyState state;
    std::string idempotency_key;
  };
  // A change that waits to become durable, and the study after it; not set if
  // it has ended before and must be read from the store.
  struct Written {
    StoreWriter::Ticket ticket;
    std::optional<v1::Study> study;
  };
  enum class Verb { kPause, kResume, kCancel };
  // Changes a study, also one that has completed, given what has ended of it (StoredRuns).
  using Edit =
      std::function<absl::Status(StudyState& study, std::vector<v1::Run> ended, Change& change)>;

  Coordinator(CoordinatorOptions options, Store& store, CheckpointStore& checkpoints,
              StoreWriter& writer, Clock& clock);

  // coordinator.cc
  absl::StatusOr<Written> Create(v1::Study fresh, const std::string& key);
  void ChangeStudy(Verb verb, absl::string_view name, StudyAnswer done);
  absl::StatusOr<Written> Apply(Verb verb, const std::string& study);
  void CancelRuns(StudyState& study, Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Tells the workers of all its runs to leave a checkpoint and hand them back.
  void PauseRuns(const StudyState& study, Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckWritable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  StudyState* FindStudy(const std::string& study) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Queues the change for the store. Studies that have ended leave memory.
  StoreWriter::Ticket Publish(Change change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnDurable(const std::vector<std::string>& granted, std::vector<Change::PendingAck> acks);

  // edits.cc
  // Calls `edit` with the study `name` and its ended runs below `parent` (that study, a
  // trial or a run of it), and answers when the change is durable. One edit a study at a
  // time.
  void EditStudy(const std::string& name, const std::string& parent, Edit edit, StudyAnswer done);
  absl::StatusOr<Written> ApplyEdit(const std::string& name, const std::string& parent,
                                    const Edit& edit);

  // workers.cc
  // False: the attempt is not leased to this worker.
  absl::StatusOr<bool> TakeReport(WorkerEntry& worker, const v1::Report& report, Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool TakeCompletion(WorkerEntry& worker, const v1::Completion& completion, Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // One more failure of `run`, which is then queued again, or has FAILED for good.
  void CountFailure(StudyState& study, v1::Run& run, Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeCrash(const v1::Crash& crash, Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Answers what a worker says of an attempt that is not leased to it, once it
  // is durable that it is not.
  void AnswerStale(SessionId session, const std::string& attempt, v1::AttemptOutcome outcome);
  // Whether its study is.
  bool IsPaused(const Lease& lease) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SendLease(const WorkerEntry& worker, const Lease& lease) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndAttempt(const std::string& attempt, v1::AttemptOutcome outcome, absl::string_view message,
                  Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes the attempt away and queues its run again.
  void LoseAttempt(const std::string& attempt, absl::string_view why, Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LoseAllOf(const WorkerEntry& worker, absl::string_view why, Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // scheduling.cc
  // Gives queued runs to free slots, creating trials as they are wanted.
  void Schedule(Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool GiveOne(WorkerEntry& worker, int& trials_left, Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Grant(WorkerEntry& worker, StudyState& study, RunKey key, Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // checkpoints.cc
  friend class CheckpointUpload;
  // The bytes of `name` are there.
  absl::Status CheckpointArrived(const std::string& attempt, const CheckpointName& name,
                                 int64_t bytes);
  // Adds `checkpoint`, which the attempt of `lease` reports now, to `run`.
  void TakeCheckpoint(Lease& lease, v1::Run& run, const v1::Checkpoint& checkpoint, Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckArrived(const Lease& lease, const v1::Checkpoint& checkpoint) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReserveCheckpointBytes(int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReleaseCheckpointBytes(int64_t bytes);
  // Bytes that were put for `run`, but which its record does not know.
  void CollectUnrecorded(const v1::Run& run, Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CollectAllOf(const std::string& study, Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsRecorded(const CheckpointName& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CopyCheckpoints(const std::vector<CheckpointCopy>& copies);
  void RemoveGarbage(const std::vector<CheckpointName>& garbage);
  absl::Status RecoverCheckpoints() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // recovery.cc
  absl::Status Recover();
  absl::Status RecoverStudy(v1::Study record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A study as the store has it.
  absl::StatusOr<std::unique_ptr<StudyState>> LoadStudy(v1::Study record) const;
  absl::Status RecoverLease(v1::Attempt attempt) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const CoordinatorOptions options_;
  Store& store_;
  CheckpointStore& checkpoints_;
  StoreWriter& writer_;
  Clock& clock_;

  mutable Mutex mu_;
  std::map<int64_t, std::unique_ptr<StudyState>> studies_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, IndexEntry> index_ ABSL_GUARDED_BY(mu_);  // by S
  std::map<std::string, std::string> keys_ ABSL_GUARDED_BY(mu_);  // idempotency key to S
  int64_t studies_created_ ABSL_GUARDED_BY(mu_) = 0;
  WorkerRegistry workers_ ABSL_GUARDED_BY(mu_);
  LeaseTable leases_ ABSL_GUARDED_BY(mu_);
  // The checkpoints whose bytes are there, and what each takes.
  std::map<CheckpointName, int64_t> checkpoint_bytes_ ABSL_GUARDED_BY(mu_);
  int64_t checkpoint_bytes_reserved_ ABSL_GUARDED_BY(mu_) = 0;  // of uploads that run
  int64_t revision_ ABSL_GUARDED_BY(mu_) = 0;
  bool is_draining_ ABSL_GUARDED_BY(mu_) = false;
  std::set<std::string> being_edited_ ABSL_GUARDED_BY(mu_);  // by S
};

}  // namespace tpsweep::server
