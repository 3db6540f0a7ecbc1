// An attempt that this worker holds: being trained, or ended but not yet
// acknowledged. Keeps what the server has not said is durable, and knows what
// of it to say next.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "tpsweep/v1/worker_service.pb.h"

namespace tpsweep::agent {

// Not thread-safe, except for RequestStop and stop_requested.
class HeldAttempt {
 public:
  explicit HeldAttempt(v1::Lease lease);

  const std::string& name() const { return lease_.attempt(); }
  const v1::TrainingSpec& training() const { return lease_.training(); }
  // Measurements that are not acknowledged, and what they take in memory.
  int64_t num_unacknowledged() const { return static_cast<int64_t>(unacknowledged_.size()); }
  int64_t buffered_bytes() const { return buffered_bytes_; }

  // The training is to end at its next mini-batch.
  void RequestStop() { stop_requested_.store(true, std::memory_order_relaxed); }
  bool stop_requested() const { return stop_requested_.load(std::memory_order_relaxed); }

  // The server wants the run cancelled: this tells a cancelled training from one
  // that ends because the worker does.
  void Cancel();
  bool is_cancelled() const { return is_cancelled_; }

  void Add(const v1::Measurement& measurement);
  void Complete(v1::AttemptOutcome outcome, absl::string_view message);

  // Everything up to `sequence` is durable. The first acknowledgement on a new
  // stream also gives leave to go on saying things.
  void Acknowledge(int64_t sequence);

  // The stream is a new one: what was sent on the old one may be lost, and the
  // server first says whether the attempt is still ours.
  void Reconnect();

  // The next Report, or the Completion once every measurement has been sent.
  // Nothing: all was said.
  std::optional<v1::WorkerMessage> NextMessage();

 private:
  const v1::Lease lease_;
  std::atomic<bool> stop_requested_ = false;
  bool is_cancelled_ = false;

  std::deque<v1::Measurement> unacknowledged_;  // in order of sequence
  int64_t buffered_bytes_ = 0;
  int64_t num_sent_ = 0;  // of the unacknowledged ones, on this stream
  int64_t last_sequence_ = 0;
  bool may_send_ = true;
  std::optional<v1::Completion> completion_;
  bool completion_sent_ = false;
};

}  // namespace tpsweep::agent
