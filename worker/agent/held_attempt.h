// An attempt that this worker holds: being trained, or ended but not yet
// acknowledged. Keeps what the server has not said is durable, and knows what
// of it to say next.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tpsweep/v1/worker_service.pb.h"
#include "worker/agent/backlog.h"
#include "worker/agent/spool.h"

namespace tpsweep::agent {

// Not thread-safe, except for stop_requested.
class HeldAttempt {
 public:
  // `spool` may be null: then all is in memory.
  explicit HeldAttempt(v1::Lease lease, std::unique_ptr<AttemptSpool> spool = nullptr);
  // Of a process that is gone.
  explicit HeldAttempt(SpooledAttempt spooled);

  const std::string& name() const { return lease_.attempt(); }
  const v1::Lease& lease() const { return lease_; }
  // May be used without the lock that guards this; by one thread (spool.h).
  AttemptSpool* spool() const { return spool_.get(); }
  // The measurements that are not acknowledged.
  Backlog& backlog() { return backlog_; }

  // The training is to end at its next mini-batch.
  bool stop_requested() const { return stop_requested_.load(std::memory_order_relaxed); }

  // Why the training is to end: because the worker does, or the run has had its time, or
  // the server wants it paused, or cancelled, or has given the attempt to another. Later
  // ones count more.
  enum class Why { kWorkerStops, kTimeIsUp, kPaused, kCancelled, kAbandoned };
  void RequestStop(Why why);
  Why why_stopped() const { return why_stopped_; }

  // It goes on from `checkpoint`, after its measurement.
  void GoOnFrom(const v1::Checkpoint& checkpoint) { backlog_.BeginAfter(checkpoint.sequence()); }
  // Of the process before: the bytes of the checkpoint that the lease names. Once.
  std::shared_ptr<const std::string> TakeOwnCheckpoint() { return std::move(own_checkpoint_); }

  void Add(const v1::Measurement& measurement);
  // The state of the run after what was added so far; takes the place of one that has
  // not been said yet. Sets its number and sequence.
  void Add(v1::Checkpoint about, std::shared_ptr<const std::string> bytes);
  void Complete(v1::AttemptOutcome outcome, absl::string_view message);
  // What that will say.
  v1::Completion MakeCompletion(v1::AttemptOutcome outcome, absl::string_view message) const;
  const std::optional<v1::Completion>& completion() const { return completion_; }
  // What it holds is damaged: it cannot go on. Hands it back without, and takes nothing more.
  void HandBackDamaged(absl::string_view why);
  bool is_damaged() const { return is_damaged_; }

  // The checkpoint whose bytes are to be put now, if there is one; it is given once
  // for each stream, and until its bytes are there nothing that follows it is said.
  struct Upload {
    std::string attempt;
    v1::Checkpoint about;
    std::shared_ptr<const std::string> bytes;
  };
  std::optional<Upload> NextUpload();
  // The one that waits to be recorded.
  std::optional<Upload> WaitingCheckpoint() const;
  // Its bytes are there, or cannot be put: then there is no such checkpoint.
  void UploadEnded(int64_t number, bool is_there);

  // What the acknowledgement says is durable. The first one on a new stream also gives
  // leave to go on saying things.
  void Acknowledge(const v1::Ack& ack);

  // The stream is a new one: what was sent on the old one may be lost, and the
  // server first says whether the attempt is still ours.
  void Reconnect();

  // The next Report, or the Completion once everything else has been sent.
  // Nothing: all was said, or is not in memory.
  std::optional<v1::WorkerMessage> NextMessage();

  // A slot works on it: what is on disk is the slot's.
  bool is_in_slot() const { return is_in_slot_; }
  void set_in_slot(bool is_in_slot) { is_in_slot_ = is_in_slot; }
  // When its time is up, on the agent's clock. For the slot only.
  absl::Duration deadline() const { return deadline_; }
  void set_deadline(absl::Duration deadline) { deadline_ = deadline; }
  // On how many threads it was trained; for its completion.
  void set_mean_threads(double threads) { mean_threads_ = threads; }

  // Has something to say that is on disk only, and memory for it.
  bool WantsReading(int64_t bytes) const { return may_send_ && backlog_.WantsReading(bytes); }

 private:
  struct Checkpoint {
    v1::Checkpoint about;
    std::shared_ptr<const std::string> bytes;
    // On this stream:
    bool is_given = false;
    bool is_there = false;
    bool is_said = false;
  };

  const v1::Lease lease_;
  const std::unique_ptr<AttemptSpool> spool_;
  std::shared_ptr<const std::string> own_checkpoint_;
  std::atomic<bool> stop_requested_ = false;
  Why why_stopped_ = Why::kWorkerStops;

  Backlog backlog_;
  int64_t said_ = 0;  // the last measurement that was sent on this stream
  std::optional<Checkpoint> checkpoint_;
  int64_t num_checkpoints_ = 0;
  bool may_send_ = true;
  std::optional<v1::Completion> completion_;
  bool completion_sent_ = false;
  bool is_damaged_ = false;
  bool is_in_slot_ = false;
  absl::Duration deadline_ = absl::InfiniteDuration();
  double mean_threads_ = 0;
};

}  // namespace tpsweep::agent
