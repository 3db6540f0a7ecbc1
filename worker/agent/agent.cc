#include "worker/agent/agent.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"

namespace tpsweep::agent {
namespace {

using trainer::TrainingRun;

constexpr int kProtocolVersion = 1;
constexpr int kNothing = -1;  // no number of slots

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace

Agent::Agent(AgentOptions options, trainer::DataSetCache& data, Clock& clock, CreateRun create_run)
    : options_(std::move(options)), data_(data), clock_(clock), create_run_(std::move(create_run)) {
  for (int i = 0; i < options_.slots; ++i) threads_.emplace_back([this] { WorkInSlot(); });
}

Agent::~Agent() {
  {
    MutexLock lock(mu_);
    is_closing_ = true;
    for (auto& [name, attempt] : held_) attempt->RequestStop();
    NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Agent::NotifyAll() {
  sender_.NotifyAll();
  slots_.NotifyAll();
  waiting_.NotifyAll();
}

// --- the conversation -------------------------------------------------------

v1::WorkerMessage Agent::Connect() {
  v1::WorkerMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_protocol_version(kProtocolVersion);
  hello.set_worker_id(options_.worker_id);
  hello.set_incarnation(options_.incarnation);
  hello.set_host(options_.host);
  hello.set_version(options_.version);
  hello.set_slots(options_.slots);
  for (const std::string& name : data_.Available()) hello.add_datasets(name);

  MutexLock lock(mu_);
  is_connected_ = true;
  is_welcome_ = false;
  free_slots_said_ = kNothing;
  for (auto& [name, attempt] : held_) {
    attempt->Reconnect();
    hello.add_held_attempts(name);
  }
  return message;
}

void Agent::Disconnect() {
  MutexLock lock(mu_);
  is_connected_ = false;
  is_welcome_ = false;
  sender_.NotifyAll();
}

std::optional<v1::WorkerMessage> Agent::Next() {
  MutexLock lock(mu_);
  while (is_connected_) {
    if (!is_welcome_) {
      sender_.Wait(mu_);
      continue;
    }
    std::optional<v1::WorkerMessage> message = Pending();
    const absl::Duration now = clock_.Elapsed();
    const absl::Duration heartbeat_due = last_said_ + heartbeat_interval_;
    if (!message && now >= heartbeat_due) {
      message.emplace().mutable_heartbeat();
      free_slots_said_ = kNothing;  // said again, should the server have lost count
    }
    if (message) {
      last_said_ = now;
      return message;
    }
    clock_.WaitFor(sender_, mu_, heartbeat_due - now);
  }
  return std::nullopt;
}

std::optional<v1::WorkerMessage> Agent::Pending() {
  for (auto& [name, attempt] : held_) {
    if (std::optional<v1::WorkerMessage> message = attempt->NextMessage()) return message;
  }
  if (const int free = FreeSlots(); free != free_slots_said_) {
    free_slots_said_ = free;
    v1::WorkerMessage message;
    message.mutable_free_slots()->set_count(free);
    return message;
  }
  return std::nullopt;
}

int Agent::FreeSlots() const {
  if (is_draining_) return 0;
  return std::max(0, options_.slots - num_training_ - static_cast<int>(queue_.size()));
}

void Agent::Receive(const v1::ServerMessage& message) {
  MutexLock lock(mu_);
  switch (message.message_case()) {
    case v1::ServerMessage::kWelcome:
      is_welcome_ = true;
      // A server's mistake must not become a flood of heartbeats.
      heartbeat_interval_ =
          std::max(FromProto(message.welcome().heartbeat_interval()), absl::Milliseconds(10));
      last_said_ = clock_.Elapsed();
      break;
    case v1::ServerMessage::kLease:
      TakeLease(message.lease());
      break;
    case v1::ServerMessage::kAck:
      TakeAck(message.ack());
      break;
    case v1::ServerMessage::MESSAGE_NOT_SET:
      break;
  }
  NotifyAll();
}

void Agent::TakeLease(const v1::Lease& lease) {
  --free_slots_said_;  // as the server counts
  auto [entry, is_new] = held_.try_emplace(lease.attempt());
  if (!is_new) return;
  entry->second = std::make_shared<HeldAttempt>(lease);
  if (is_draining_) {
    entry->second->Complete(v1::ATTEMPT_OUTCOME_PREEMPTED, "the worker was told to stop");
  } else {
    queue_.push_back(entry->second);
  }
}

void Agent::TakeAck(const v1::Ack& ack) {
  const auto entry = held_.find(ack.attempt());
  if (entry == held_.end()) return;
  HeldAttempt& attempt = *entry->second;
  attempt.Acknowledge(ack.durable_sequence());
  if (ack.directive() == v1::DIRECTIVE_STOP) attempt.Cancel();
  const bool is_abandoned = ack.directive() == v1::DIRECTIVE_ABANDON;
  if (is_abandoned) Log(LogLevel::kWarning, "attempt.abandoned", {{"attempt", ack.attempt()}});
  if (is_abandoned || ack.completed()) {
    attempt.RequestStop();
    std::erase(queue_, entry->second);
    held_.erase(entry);
  }
}

void Agent::Drain() {
  MutexLock lock(mu_);
  is_draining_ = true;
  for (auto& [name, attempt] : held_) attempt->RequestStop();
  NotifyAll();
}

bool Agent::WaitUntilIdle(absl::Duration timeout) {
  const absl::Duration deadline = clock_.Elapsed() + timeout;
  MutexLock lock(mu_);
  while (!held_.empty() || num_training_ > 0) {
    const absl::Duration left = deadline - clock_.Elapsed();
    if (left <= absl::ZeroDuration()) return false;
    clock_.WaitFor(waiting_, mu_, left);
  }
  return true;
}

// --- the slots --------------------------------------------------------------

void Agent::WorkInSlot() {
  for (;;) {
    std::shared_ptr<HeldAttempt> attempt;
    {
      MutexLock lock(mu_);
      while (queue_.empty() && !is_closing_) slots_.Wait(mu_);
      if (is_closing_) return;
      attempt = std::move(queue_.front());
      queue_.pop_front();
      ++num_training_;
    }
    Log(LogLevel::kInfo, "attempt.started", {{"attempt", attempt->name()}});
    const Ending ending = Train(*attempt);
    Log(LogLevel::kInfo, "attempt.ended",
        {{"attempt", attempt->name()},
         {"outcome", v1::AttemptOutcome_Name(ending.outcome)},
         {"message", ending.message}});
    MutexLock lock(mu_);
    --num_training_;
    attempt->Complete(ending.outcome, ending.message);
    NotifyAll();
  }
}

// One run that goes wrong must not take the others with it: whatever a library
// throws (out of memory above all) ends as a failed attempt.
Agent::Ending Agent::Train(HeldAttempt& attempt) {
  try {
    return TrainUnguarded(attempt);
  } catch (const std::bad_alloc&) {
    return {v1::ATTEMPT_OUTCOME_FAILED, "out of memory"};
  } catch (const std::exception& error) {
    return {v1::ATTEMPT_OUTCOME_FAILED, absl::StrCat("unexpected error: ", error.what())};
  }
}

Agent::Ending Agent::TrainUnguarded(HeldAttempt& attempt) {
  TrainingRun::Result result{TrainingRun::End::kStopped, ""};
  if (!attempt.stop_requested()) {
    absl::StatusOr<std::unique_ptr<TrainingRun>> run = create_run_(attempt.training(), data_);
    if (!run.ok()) return {v1::ATTEMPT_OUTCOME_FAILED, std::string(run.status().message())};
    result = (*run)->Train([&](const v1::Measurement& m) { Record(attempt, m); },
                           [&] { return attempt.stop_requested(); });
  }
  switch (result.end) {
    case TrainingRun::End::kCompleted:
      return {v1::ATTEMPT_OUTCOME_COMPLETED, result.message};
    case TrainingRun::End::kInfeasible:
      return {v1::ATTEMPT_OUTCOME_INFEASIBLE, result.message};
    case TrainingRun::End::kStopped:
      break;
  }
  MutexLock lock(mu_);
  if (attempt.is_cancelled()) return {v1::ATTEMPT_OUTCOME_CANCELLED, "cancelled"};
  return {v1::ATTEMPT_OUTCOME_PREEMPTED, "the worker was told to stop"};
}

void Agent::Record(HeldAttempt& attempt, const v1::Measurement& measurement) {
  MutexLock lock(mu_);
  while (attempt.buffered_bytes() >= options_.buffer_bytes && !attempt.stop_requested()) {
    waiting_.Wait(mu_);
  }
  attempt.Add(measurement);
  sender_.NotifyAll();
}

}  // namespace tpsweep::agent
