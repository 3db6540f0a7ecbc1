#include "worker/agent/held_attempt.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace tpsweep::agent {
namespace {

// Well below gRPC's default limit of 4 MiB a message, and what a server takes.
constexpr int64_t kReportBytes = 1 << 20;
constexpr int kReportMeasurements = 1000;

// As text that every reader takes: a path may hold bytes that are no UTF-8, and a
// message with them would be refused for ever.
std::string Portable(absl::string_view message) {
  const bool is_ascii = absl::c_all_of(message, absl::ascii_isascii);
  return is_ascii ? std::string(message) : absl::CHexEscape(message);
}

}  // namespace

HeldAttempt::HeldAttempt(v1::Lease lease, std::unique_ptr<AttemptSpool> spool)
    : lease_(std::move(lease)), spool_(std::move(spool)) {}

HeldAttempt::HeldAttempt(SpooledAttempt spooled)
    : lease_(std::move(spooled.lease)),
      spool_(std::move(spooled.spool)),
      own_checkpoint_(std::move(spooled.checkpoint)),
      completion_(std::move(spooled.completion)) {
  backlog_.BeginOnDisk(spooled.acknowledged_to, spooled.measured_to);
  if (own_checkpoint_ == nullptr) return;
  // Whether the server has it is not known.
  checkpoint_ = {lease_.checkpoint(), own_checkpoint_};
  num_checkpoints_ = lease_.checkpoint().number();
}

void HeldAttempt::RequestStop(Why why) {
  why_stopped_ = std::max(why_stopped_, why);
  stop_requested_.store(true, std::memory_order_relaxed);
}

void HeldAttempt::Add(const v1::Measurement& measurement) {
  if (!is_damaged_) backlog_.Add(measurement);
}

void HeldAttempt::Add(v1::Checkpoint about, std::shared_ptr<const std::string> bytes) {
  if (is_damaged_) return;
  about.set_number(++num_checkpoints_);
  about.set_sequence(backlog_.last());
  checkpoint_ = {std::move(about), std::move(bytes)};
}

std::optional<HeldAttempt::Upload> HeldAttempt::NextUpload() {
  if (!may_send_ || !checkpoint_ || checkpoint_->is_given) return std::nullopt;
  checkpoint_->is_given = true;
  return WaitingCheckpoint();
}

std::optional<HeldAttempt::Upload> HeldAttempt::WaitingCheckpoint() const {
  if (!checkpoint_) return std::nullopt;
  return Upload{name(), checkpoint_->about, checkpoint_->bytes};
}

void HeldAttempt::UploadEnded(int64_t number, bool is_there) {
  if (!checkpoint_ || checkpoint_->about.number() != number) return;
  if (is_there) {
    checkpoint_->is_there = true;
  } else {
    checkpoint_.reset();
  }
}

void HeldAttempt::Complete(v1::AttemptOutcome outcome, absl::string_view message) {
  if (!is_damaged_) completion_ = MakeCompletion(outcome, message);
}

v1::Completion HeldAttempt::MakeCompletion(v1::AttemptOutcome outcome,
                                           absl::string_view message) const {
  v1::Completion completion;
  completion.set_attempt(name());
  completion.set_outcome(outcome);
  completion.set_message(Portable(message));
  completion.set_last_sequence(backlog_.last());
  completion.set_mean_threads(mean_threads_);
  return completion;
}

void HeldAttempt::HandBackDamaged(absl::string_view why) {
  if (is_damaged_) return;
  RequestStop(Why::kWorkerStops);
  checkpoint_.reset();
  backlog_.BeginAfter(0);
  completion_sent_ = false;
  Complete(v1::ATTEMPT_OUTCOME_PREEMPTED, why);
  is_damaged_ = true;
}

void HeldAttempt::Acknowledge(const v1::Ack& ack) {
  const bool is_first = !std::exchange(may_send_, true);
  const bool is_over = ack.completed() || ack.directive() == v1::DIRECTIVE_ABANDON;
  if (is_first && !is_over && ack.durable_sequence() < backlog_.needs()) {
    return HandBackDamaged(
        absl::StrCat("the worker has lost the measurements after number ", ack.durable_sequence()));
  }
  backlog_.Acknowledge(ack.durable_sequence());
  num_checkpoints_ = std::max(num_checkpoints_, ack.durable_checkpoint());
  if (checkpoint_ && checkpoint_->about.number() <= ack.durable_checkpoint()) checkpoint_.reset();
}

void HeldAttempt::Reconnect() {
  may_send_ = false;
  said_ = 0;
  completion_sent_ = false;
  if (checkpoint_) checkpoint_->is_given = checkpoint_->is_there = checkpoint_->is_said = false;
}

std::optional<v1::WorkerMessage> HeldAttempt::NextMessage() {
  if (!may_send_) return std::nullopt;
  v1::WorkerMessage message;
  const bool has_checkpoint = checkpoint_ && !checkpoint_->is_said;
  // All that there is to be said before the checkpoint, or the completion; and of that what
  // is in memory.
  const int64_t last = has_checkpoint ? checkpoint_->about.sequence() : backlog_.last();
  const int64_t sayable = std::min(last, backlog_.sayable_to());
  said_ = std::max(said_, backlog_.needs());
  if (said_ < sayable) {
    v1::Report& report = *message.mutable_report();
    report.set_attempt(name());
    int64_t bytes = 0;
    while (said_ < sayable && bytes < kReportBytes &&
           report.measurements_size() < kReportMeasurements) {
      const v1::Measurement& measurement = backlog_.at(++said_);
      bytes += static_cast<int64_t>(measurement.ByteSizeLong());
      *report.add_measurements() = measurement;
    }
    return message;
  }
  if (said_ < last) return std::nullopt;
  if (has_checkpoint) {
    if (!checkpoint_->is_there) return std::nullopt;
    checkpoint_->is_said = true;
    message.mutable_report()->set_attempt(name());
    *message.mutable_report()->mutable_checkpoint() = checkpoint_->about;
    return message;
  }
  if (completion_ && !completion_sent_) {
    completion_sent_ = true;
    *message.mutable_completion() = *completion_;
    return message;
  }
  return std::nullopt;
}

}  // namespace tpsweep::agent
