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

void HeldAttempt::Cancel() {
  is_cancelled_ = true;
  RequestStop();
}

void HeldAttempt::Add(const v1::Measurement& measurement) {
  unacknowledged_.push_back(measurement);
  buffered_bytes_ += SizeOf(measurement);
  last_sequence_ = measurement.sequence();
}

void HeldAttempt::Complete(v1::AttemptOutcome outcome, absl::string_view message) {
  completion_.emplace();
  completion_->set_attempt(name());
  completion_->set_outcome(outcome);
  completion_->set_message(Portable(message));
  completion_->set_last_sequence(last_sequence_);
}

void HeldAttempt::Acknowledge(int64_t sequence) {
  may_send_ = true;
  while (!unacknowledged_.empty() && unacknowledged_.front().sequence() <= sequence) {
    buffered_bytes_ -= SizeOf(unacknowledged_.front());
    unacknowledged_.pop_front();
    num_sent_ = std::max<int64_t>(num_sent_ - 1, 0);
  }
}

void HeldAttempt::Reconnect() {
  may_send_ = false;
  num_sent_ = 0;
  completion_sent_ = false;
}

std::optional<v1::WorkerMessage> HeldAttempt::NextMessage() {
  if (!may_send_) return std::nullopt;
  v1::WorkerMessage message;
  if (num_sent_ < num_unacknowledged()) {
    v1::Report& report = *message.mutable_report();
    report.set_attempt(name());
    int64_t bytes = 0;
    while (num_sent_ < num_unacknowledged() && bytes < kReportBytes &&
           report.measurements_size() < kReportMeasurements) {
      const v1::Measurement& measurement = unacknowledged_[static_cast<size_t>(num_sent_++)];
      bytes += SizeOf(measurement);
      *report.add_measurements() = measurement;
    }
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
