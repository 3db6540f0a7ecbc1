// An attempt that this worker holds: being trained, or ended but not yet
// acknowledged. Keeps what the server has not said is durable, and knows what
// of it to say next.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "tpsweep/v1/worker_service.pb.h"

namespace tpsweep::agent {

// Not thread-safe, except for stop_requested.
class HeldAttempt {
 public:
  explicit HeldAttempt(v1::Lease lease);

  const std::string& name() const { return lease_.attempt(); }
  const v1::Lease& lease() const { return lease_; }
  // Measurements that are not acknowledged, and what they take in memory.
  int64_t num_unacknowledged() const { return static_cast<int64_t>(unacknowledged_.size()); }
  int64_t buffered_bytes() const { return buffered_bytes_; }

  // The training is to end at its next mini-batch.
  bool stop_requested() const { return stop_requested_.load(std::memory_order_relaxed); }

  // Why the training is to end: because the worker does, or the run has had its time, or
  // the server wants it paused, or cancelled, or has given the attempt to another. Later
  // ones count more.
  enum class Why { kWorkerStops, kTimeIsUp, kPaused, kCancelled, kAbandoned };
  void RequestStop(Why why);
  Why why_stopped() const { return why_stopped_; }

  // It goes on from `checkpoint`, after its measurement.
  void GoOnFrom(const v1::Checkpoint& checkpoint) { last_sequence_ = checkpoint.sequence(); }

  void Add(const v1::Measurement& measurement);
  // The state of the run after what was added so far; takes the place of one that has
  // not been said yet. Sets its number and sequence.
  void Add(v1::Checkpoint about, std::shared_ptr<const std::string> bytes);
  void Complete(v1::AttemptOutcome outcome, absl::string_view message);

  // The checkpoint whose bytes are to be put now, if there is one; it is given once
  // for each stream, and until its bytes are there nothing that follows it is said.
  struct Upload {
    std::string attempt;
    v1::Checkpoint about;
    std::shared_ptr<const std::string> bytes;
  };
  std::optional<Upload> NextUpload();
  bool has_checkpoint_waiting() const { return checkpoint_.has_value(); }
  // Its bytes are there, or cannot be put: then there is no such checkpoint.
  void UploadEnded(int64_t number, bool is_there);

  // What the acknowledgement says is durable. The first one on a new stream also gives
  // leave to go on saying things.
  void Acknowledge(const v1::Ack& ack);

  // The stream is a new one: what was sent on the old one may be lost, and the
  // server first says whether the attempt is still ours.
  void Reconnect();

  // The next Report, or the Completion once everything else has been sent.
  // Nothing: all was said.
  std::optional<v1::WorkerMessage> NextMessage();

 private:
  struct WaitingCheckpoint {
    v1::Checkpoint about;
    std::shared_ptr<const std::string> bytes;
    // On this stream:
    bool is_given = false;
    bool is_there = false;
    bool is_said = false;
  };

  // How many of the unacknowledged measurements may be said now.
  int64_t NumSayable() const;

  const v1::Lease lease_;
  std::atomic<bool> stop_requested_ = false;
  Why why_stopped_ = Why::kWorkerStops;

  std::deque<v1::Measurement> unacknowledged_;  // in order of sequence
  int64_t buffered_bytes_ = 0;
  int64_t num_sent_ = 0;  // of the unacknowledged ones, on this stream
  int64_t last_sequence_ = 0;
  std::optional<WaitingCheckpoint> checkpoint_;
  int64_t num_checkpoints_ = 0;
  bool may_send_ = true;
  std::optional<v1::Completion> completion_;
  bool completion_sent_ = false;
};

}  // namespace tpsweep::agent
