#include "worker/agent/agent.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "worker/agent/crash_notes.h"
#include "worker/agent/thread_choice.h"
#include "worker/agent/thread_time.h"

namespace tpsweep::agent {
namespace {

using trainer::TrainingRun;
using Why = HeldAttempt::Why;

constexpr int kProtocolVersion = 1;
constexpr int kNothing = -1;  // no number of slots

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

// A state that is trained again in a moment is not worth its way to the server's disk.
constexpr absl::Duration kWorthKeeping = absl::Seconds(1);

bool IsFinalStateWanted(const v1::Lease& lease, absl::Duration trained) {
  return lease.keep_final() && (lease.has_checkpoint() || trained >= kWorthKeeping);
}

}  // namespace

Agent::Agent(AgentOptions options, trainer::DataSetCache& data, Clock& clock, CreateRun create_run,
             Spool* spool)
    : options_(std::move(options)),
      data_(data),
      clock_(clock),
      create_run_(std::move(create_run)),
      spool_(spool),
      last_work_(clock_.Elapsed()) {
  if (spool_ != nullptr) {
    for (SpooledAttempt& spooled : spool_->TakeUp()) TakeUp(std::move(spooled));
  }
  for (int i = 0; i < options_.slots; ++i) threads_.emplace_back([this] { WorkInSlot(); });
}

Agent::~Agent() {
  {
    MutexLock lock(mu_);
    is_closing_ = true;
    for (auto& [name, attempt] : held_) attempt->RequestStop(Why::kWorkerStops);
    slots_.NotifyAll();
    NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Agent::NotifyAll() {
  sender_.NotifyAll();
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
  for (;;) {
    std::shared_ptr<HeldAttempt> to_read;
    if (std::optional<v1::WorkerMessage> message = WaitForNext(to_read)) return message;
    if (to_read == nullptr) return std::nullopt;
    ReadFromSpool(to_read);
  }
}

std::optional<v1::WorkerMessage> Agent::WaitForNext(std::shared_ptr<HeldAttempt>& to_read) {
  MutexLock lock(mu_);
  while (is_connected_) {
    if (!is_welcome_) {
      sender_.Wait(mu_);
      continue;
    }
    if (to_read = ToRead(); to_read != nullptr) return std::nullopt;
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
  const int free = FreeSlots();
  for (auto& [name, attempt] : held_) {
    std::optional<v1::WorkerMessage> message = attempt->NextMessage();
    if (!message) continue;
    if (message->has_completion()) {
      message->mutable_completion()->mutable_free_slots()->set_count(free);
      free_slots_said_ = free;
    }
    return message;
  }
  if (free == free_slots_said_) return std::nullopt;
  free_slots_said_ = free;
  v1::WorkerMessage message;
  message.mutable_free_slots()->set_count(free);
  return message;
}

std::shared_ptr<HeldAttempt> Agent::ToRead() {
  for (auto& [name, attempt] : held_) {
    if (attempt->WantsReading(options_.buffer_bytes / 2)) return attempt;
  }
  return nullptr;
}

int Agent::FreeSlots() const {
  if (is_draining_) return 0;
  return std::max(0, options_.slots - num_training_ - static_cast<int>(queue_.size()));
}

void Agent::Receive(const v1::ServerMessage& message) {
  if (message.has_ack()) {
    const v1::Ack& ack = message.ack();
    Log(LogLevel::kDebug, "attempt.acknowledged",
        {{"attempt", ack.attempt()},
         {"sequence", ack.durable_sequence()},
         {"completed", ack.completed()},
         {"directive", v1::Directive_Name(ack.directive())}});
  }
  std::shared_ptr<HeldAttempt> dropped;
  {
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
        dropped = TakeAck(message.ack());
        // Else the slot does what is left to do.
        if (dropped != nullptr && dropped->is_in_slot()) dropped = nullptr;
        break;
      case v1::ServerMessage::MESSAGE_NOT_SET:
        break;
    }
    NotifyAll();
  }
  if (dropped != nullptr && dropped->spool() != nullptr) dropped->spool()->Remove();
}

void Agent::TakeLease(const v1::Lease& lease) {
  --free_slots_said_;  // as the server counts
  auto [entry, is_new] = held_.try_emplace(lease.attempt());
  if (!is_new) return;
  entry->second =
      std::make_shared<HeldAttempt>(lease, spool_ == nullptr ? nullptr : spool_->Make(lease));
  if (is_draining_) {
    entry->second->Complete(v1::ATTEMPT_OUTCOME_PREEMPTED, "the worker was told to stop");
  } else {
    queue_.push_back(entry->second);
    slots_.NotifyOne();
  }
}

std::shared_ptr<HeldAttempt> Agent::TakeAck(const v1::Ack& ack) {
  const auto entry = held_.find(ack.attempt());
  if (entry == held_.end()) return nullptr;
  std::shared_ptr<HeldAttempt> held = entry->second;
  HeldAttempt& attempt = *held;
  const bool was_damaged = attempt.is_damaged();
  attempt.Acknowledge(ack);
  if (attempt.is_damaged() && !was_damaged) {
    Log(LogLevel::kWarning, "spool.damaged",
        {{"attempt", ack.attempt()}, {"why", attempt.completion()->message()}});
    std::erase(queue_, held);
  }
  if (ack.directive() == v1::DIRECTIVE_STOP) attempt.RequestStop(Why::kCancelled);
  if (ack.directive() == v1::DIRECTIVE_PAUSE) attempt.RequestStop(Why::kPaused);
  const bool is_abandoned = ack.directive() == v1::DIRECTIVE_ABANDON;
  if (is_abandoned) Log(LogLevel::kWarning, "attempt.abandoned", {{"attempt", ack.attempt()}});
  if (is_abandoned || ack.completed()) {
    attempt.RequestStop(Why::kAbandoned);
    std::erase(queue_, held);
    held_.erase(entry);
    last_work_ = clock_.Elapsed();
    return held;
  }
  return nullptr;
}

void Agent::Drain() {
  MutexLock lock(mu_);
  is_draining_ = true;
  for (auto& [name, attempt] : held_) attempt->RequestStop(Why::kWorkerStops);
  NotifyAll();
}

bool Agent::WaitUntilIdle(absl::Duration timeout) {
  const absl::Duration deadline = clock_.Elapsed() + timeout;
  MutexLock lock(mu_);
  while (!IsIdle()) {
    const absl::Duration left = deadline - clock_.Elapsed();
    if (left <= absl::ZeroDuration()) return false;
    clock_.WaitFor(waiting_, mu_, left);
  }
  return true;
}

absl::Duration Agent::IdleTime() {
  MutexLock lock(mu_);
  return IsIdle() ? clock_.Elapsed() - last_work_ : absl::ZeroDuration();
}

bool Agent::IsIdle() const { return held_.empty() && num_training_ == 0; }

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
      attempt->set_in_slot(true);
    }
    Log(LogLevel::kInfo, "attempt.started", {{"attempt", attempt->name()}});
    const CrashSubject subject(attempt->name());
    const Ending ending = Train(*attempt);
    Log(LogLevel::kInfo, "attempt.ended",
        {{"attempt", attempt->name()},
         {"outcome", v1::AttemptOutcome_Name(ending.outcome)},
         {"message", ending.message}});
    SpoolTheEnd(*attempt, ending);
    bool is_dropped = false;
    {
      MutexLock lock(mu_);
      --num_training_;
      last_work_ = clock_.Elapsed();
      attempt->Complete(ending.outcome, ending.message);
      attempt->set_in_slot(false);
      is_dropped = !held_.contains(attempt->name());
      NotifyAll();
    }
    if (is_dropped && attempt->spool() != nullptr) attempt->spool()->Remove();
  }
}

int Agent::ShareOfSlots() {
  MutexLock lock(mu_);
  return std::max(1, options_.slots / std::max(1, num_training_));
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
  const absl::Duration start_of_training = clock_.Elapsed();
  if (!attempt.stop_requested()) {
    const absl::Duration interval = FromProto(attempt.lease().checkpoint_interval());
    absl::Duration due = clock_.Elapsed() + interval;
    if (attempt.lease().has_time_left()) {
      attempt.set_deadline(clock_.Elapsed() + FromProto(attempt.lease().time_left()));
    }
    // Asked before every mini-batch: where a checkpoint can be made.
    const int64_t rung = attempt.lease().pause_after_epoch();
    bool is_to_be_spooled = attempt.spool() != nullptr;
    const int64_t start_epoch = epoch;
    const absl::Duration spool_at = start_of_training + options_.spool_after;
    const auto stop = [&] {
      if (is_to_be_spooled && (epoch > start_epoch || clock_.Elapsed() >= spool_at)) {
        is_to_be_spooled = false;
        attempt.spool()->Begin();
      }
      if (attempt.stop_requested()) return true;
      const bool is_at_rung = rung > 0 && epoch >= rung;
      if (is_at_rung || clock_.Elapsed() >= attempt.deadline()) {
        MutexLock lock(mu_);
        attempt.RequestStop(is_at_rung ? Why::kPaused : Why::kTimeIsUp);
        return true;
      }
      if (interval > absl::ZeroDuration() && clock_.Elapsed() >= due) {
        due += interval;
        if (has_trained && !IsCheckpointUnderWay(attempt)) {
          WriteToSpool(attempt, SaveCheckpoint(attempt, *run, epoch));
        }
      }
      if (!has_trained) Log(LogLevel::kDebug, "attempt.trains", {{"attempt", attempt.name()}});
      has_trained = true;
      return false;
    };
    ThreadChoice choice(clock_);
    ThreadTime thread_time(clock_);
    const auto threads = [&] {
      const int chosen = choice.Next(ShareOfSlots());
      thread_time.Set(chosen);
      return chosen;
    };
    result = run->Train([&](const v1::Measurement& m) { Record(attempt, m); }, stop,
                        [&epoch] { ++epoch; }, threads);
    const int fixed = attempt.lease().training().threads_per_run();
    attempt.set_mean_threads(fixed > 0 ? fixed : thread_time.Mean());
  }
  switch (result.end) {
    case TrainingRun::End::kCompleted:
      if (has_trained &&
          IsFinalStateWanted(attempt.lease(), clock_.Elapsed() - start_of_training)) {
        SaveCheckpoint(attempt, *run, epoch);
      }
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

}  // namespace tpsweep::agent
