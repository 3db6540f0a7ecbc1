#include "worker/agent/agent.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/sha256.h"
#include "worker/agent/crash_notes.h"

namespace tpsweep::agent {
namespace {

using trainer::TrainingRun;
using Why = HeldAttempt::Why;

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
    for (auto& [name, attempt] : held_) attempt->RequestStop(Why::kWorkerStops);
    NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Agent::NotifyAll() {
  sender_.NotifyAll();
  slots_.NotifyAll();
  waiting_.NotifyAll();
  transfer_.NotifyAll();
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
  if (!was_welcome_)
    hello.mutable_crashes()->Assign(options_.crashes.begin(), options_.crashes.end());
  is_connected_ = true;
  is_welcome_ = false;
  free_slots_said_ = kNothing;
  for (auto& [name, attempt] : held_) {
    attempt->Reconnect();
    hello.add_held_attempts(name);
  }
  for (auto& [attempt, wanted] : wanted_) wanted.is_given = false;
  return message;
}

bool Agent::has_told_crashes() {
  MutexLock lock(mu_);
  return was_welcome_;
}

void Agent::Disconnect() {
  MutexLock lock(mu_);
  is_connected_ = false;
  is_welcome_ = false;
  sender_.NotifyAll();
  transfer_.NotifyAll();
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
      is_welcome_ = was_welcome_ = true;
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
  attempt.Acknowledge(ack);
  if (ack.directive() == v1::DIRECTIVE_STOP) attempt.RequestStop(Why::kCancelled);
  if (ack.directive() == v1::DIRECTIVE_PAUSE) attempt.RequestStop(Why::kPaused);
  const bool is_abandoned = ack.directive() == v1::DIRECTIVE_ABANDON;
  if (is_abandoned) Log(LogLevel::kWarning, "attempt.abandoned", {{"attempt", ack.attempt()}});
  if (is_abandoned || ack.completed()) {
    attempt.RequestStop(Why::kAbandoned);
    std::erase(queue_, entry->second);
    held_.erase(entry);
  }
}

void Agent::Drain() {
  MutexLock lock(mu_);
  is_draining_ = true;
  for (auto& [name, attempt] : held_) attempt->RequestStop(Why::kWorkerStops);
  NotifyAll();
}

// --- checkpoints ------------------------------------------------------------

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

bool Agent::IsCheckpointWaiting(const HeldAttempt& attempt) {
  MutexLock lock(mu_);
  return attempt.has_checkpoint_waiting();
}

void Agent::SaveCheckpoint(HeldAttempt& attempt, const TrainingRun& run, int64_t epoch) {
  auto bytes = std::make_shared<const std::string>(run.Checkpoint());
  v1::Checkpoint about;
  about.set_epoch(epoch);
  about.set_bytes(static_cast<int64_t>(bytes->size()));
  about.set_sha256(Sha256Hex(*bytes));
  MutexLock lock(mu_);
  attempt.Add(std::move(about), std::move(bytes));
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
    const CrashSubject subject(attempt->name());
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
  std::unique_ptr<TrainingRun> run;
  int64_t epoch = 0;
  bool has_trained = false;
  if (!attempt.stop_requested()) {
    absl::StatusOr<std::unique_ptr<TrainingRun>> made =
        create_run_(attempt.lease().training(), data_);
    if (!made.ok()) return {v1::ATTEMPT_OUTCOME_FAILED, std::string(made.status().message())};
    run = *std::move(made);
    const absl::StatusOr<int64_t> start = Restore(attempt, *run);
    if (!start.ok() && !attempt.stop_requested()) {
      return {v1::ATTEMPT_OUTCOME_PREEMPTED,
              absl::StrCat("its checkpoint could not be had: ", start.status().message())};
    }
    epoch = start.ok() ? *start : 0;
  }
  if (!attempt.stop_requested()) {
    const absl::Duration interval = FromProto(attempt.lease().checkpoint_interval());
    absl::Duration due = clock_.Elapsed() + interval;
    const absl::Duration limit = attempt.lease().has_time_left()
                                     ? clock_.Elapsed() + FromProto(attempt.lease().time_left())
                                     : absl::InfiniteDuration();
    // Asked before every mini-batch: where a checkpoint can be made.
    const int64_t rung = attempt.lease().pause_after_epoch();
    const auto stop = [&] {
      if (attempt.stop_requested()) return true;
      const bool is_at_rung = rung > 0 && epoch >= rung;
      if (is_at_rung || clock_.Elapsed() >= limit) {
        MutexLock lock(mu_);
        attempt.RequestStop(is_at_rung ? Why::kPaused : Why::kTimeIsUp);
        return true;
      }
      if (interval > absl::ZeroDuration() && clock_.Elapsed() >= due) {
        due += interval;
        if (has_trained && !IsCheckpointWaiting(attempt)) SaveCheckpoint(attempt, *run, epoch);
      }
      has_trained = true;
      return false;
    };
    result = run->Train([&](const v1::Measurement& m) { Record(attempt, m); }, stop,
                        [&epoch] { ++epoch; });
  }
  switch (result.end) {
    case TrainingRun::End::kCompleted:
      if (attempt.lease().keep_final() && has_trained) SaveCheckpoint(attempt, *run, epoch);
      return {v1::ATTEMPT_OUTCOME_COMPLETED, result.message};
    case TrainingRun::End::kInfeasible:
      return {v1::ATTEMPT_OUTCOME_INFEASIBLE, result.message};
    case TrainingRun::End::kStopped:
      break;
  }
  Why why = Why::kWorkerStops;
  {
    MutexLock lock(mu_);
    why = is_closing_ ? Why::kAbandoned : attempt.why_stopped();
  }
  const bool goes_on_elsewhere =
      why == Why::kWorkerStops || why == Why::kPaused || why == Why::kTimeIsUp;
  if (goes_on_elsewhere && has_trained) SaveCheckpoint(attempt, *run, epoch);
  switch (why) {
    case Why::kCancelled:
      return {v1::ATTEMPT_OUTCOME_CANCELLED, "cancelled"};
    case Why::kPaused:
      return {v1::ATTEMPT_OUTCOME_PAUSED, "paused"};
    case Why::kTimeIsUp:
      return {v1::ATTEMPT_OUTCOME_TIMED_OUT, "its time is up"};
    default:
      return {v1::ATTEMPT_OUTCOME_PREEMPTED, "the worker was told to stop"};
  }
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
