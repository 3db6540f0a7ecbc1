#include "worker/agent/held_attempt.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

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

int64_t SizeOf(const v1::Measurement& measurement) {
  return static_cast<int64_t>(measurement.ByteSizeLong());
}

}  // namespace

HeldAttempt::HeldAttempt(v1::Lease lease) : lease_(std::move(lease)) {}

void HeldAttempt::RequestStop(Why why) {
  why_stopped_ = std::max(why_stopped_, why);
  stop_requested_.store(true, std::memory_order_relaxed);
}

void HeldAttempt::Add(const v1::Measurement& measurement) {
  unacknowledged_.push_back(measurement);
  buffered_bytes_ += SizeOf(measurement);
  last_sequence_ = measurement.sequence();
}

void HeldAttempt::Add(v1::Checkpoint about, std::shared_ptr<const std::string> bytes) {
  about.set_number(++num_checkpoints_);
  about.set_sequence(last_sequence_);
  checkpoint_ = {std::move(about), std::move(bytes)};
}

std::optional<HeldAttempt::Upload> HeldAttempt::NextUpload() {
  if (!may_send_ || !checkpoint_ || checkpoint_->is_given) return std::nullopt;
  checkpoint_->is_given = true;
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
  completion_.emplace();
  completion_->set_attempt(name());
  completion_->set_outcome(outcome);
  completion_->set_message(Portable(message));
  completion_->set_last_sequence(last_sequence_);
}

void HeldAttempt::Acknowledge(const v1::Ack& ack) {
  may_send_ = true;
  while (!unacknowledged_.empty() && unacknowledged_.front().sequence() <= ack.durable_sequence()) {
    buffered_bytes_ -= SizeOf(unacknowledged_.front());
    unacknowledged_.pop_front();
    num_sent_ = std::max<int64_t>(num_sent_ - 1, 0);
  }
  if (checkpoint_ && checkpoint_->about.number() <= ack.durable_checkpoint()) checkpoint_.reset();
}

void HeldAttempt::Reconnect() {
  may_send_ = false;
  num_sent_ = 0;
  completion_sent_ = false;
  if (checkpoint_) checkpoint_->is_given = checkpoint_->is_there = checkpoint_->is_said = false;
}

int64_t HeldAttempt::NumSayable() const {
  if (!checkpoint_ || checkpoint_->is_said) return num_unacknowledged();
  const auto after = absl::c_find_if(unacknowledged_, [this](const v1::Measurement& measurement) {
    return measurement.sequence() > checkpoint_->about.sequence();
  });
  return after - unacknowledged_.begin();
}

std::optional<v1::WorkerMessage> HeldAttempt::NextMessage() {
  if (!may_send_) return std::nullopt;
  v1::WorkerMessage message;
  const int64_t sayable = NumSayable();
  if (num_sent_ < sayable) {
    v1::Report& report = *message.mutable_report();
    report.set_attempt(name());
    int64_t bytes = 0;
    while (num_sent_ < sayable && bytes < kReportBytes &&
           report.measurements_size() < kReportMeasurements) {
      const v1::Measurement& measurement = unacknowledged_[static_cast<size_t>(num_sent_++)];
      bytes += SizeOf(measurement);
      *report.add_measurements() = measurement;
    }
    return message;
  }
  if (checkpoint_ && !checkpoint_->is_said) {
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
