// The agent's use of its spool. What is to be written is copied with the lock held, and
// written without.
#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "worker/agent/agent.h"

namespace tpsweep::agent {
namespace {

// A run that its machine kills each time shows by the number of its attempt.
constexpr int64_t kTakeUps = 3;
constexpr absl::Duration kPause = absl::Seconds(5);  // after it could not be written
constexpr int64_t kReadBytes = 1 << 20;

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}

}  // namespace

void Agent::TakeUp(SpooledAttempt spooled) {
  const std::string name = spooled.lease.attempt();
  const bool has_crashed = absl::c_any_of(
      options_.crashes, [&name](const v1::Crash& crash) { return crash.attempt() == name; });
  if (has_crashed) {
    // The server hears of the crash, and gives the run to nobody, or to somebody anew.
    Log(LogLevel::kWarning, "attempt.not_taken_up", {{"attempt", name}, {"why", "it crashed"}});
    spooled.spool->Remove();
    return;
  }
  Log(LogLevel::kInfo, "attempt.taken_up",
      {{"attempt", name},
       {"epoch", spooled.checkpoint == nullptr ? 0 : spooled.lease.checkpoint().epoch()},
       {"has_ended", spooled.completion ? "yes" : "no"}});
  const bool is_to_be_trained = !spooled.completion && spooled.times_taken_up <= kTakeUps;
  const bool has_been_killed_often = spooled.times_taken_up > kTakeUps;
  auto attempt = std::make_shared<HeldAttempt>(std::move(spooled));
  if (has_been_killed_often) {
    attempt->Complete(
        v1::ATTEMPT_OUTCOME_PREEMPTED,
        absl::StrCat("its worker has ended ", kTakeUps + 1, " times since its last checkpoint"));
  }
  MutexLock lock(mu_);
  if (is_to_be_trained) queue_.push_back(attempt);
  held_[name] = std::move(attempt);
}

void Agent::Record(HeldAttempt& attempt, const v1::Measurement& measurement) {
  MakeRoom(attempt);
  MutexLock lock(mu_);
  attempt.Add(measurement);
  sender_.NotifyAll();
}

void Agent::MakeRoom(HeldAttempt& attempt) {
  AttemptSpool* const spool = attempt.spool();
  Backlog& backlog = attempt.backlog();
  const auto is_full = [&] {
    return backlog.bytes() >= options_.buffer_bytes && !attempt.stop_requested();
  };
  for (;;) {
    bool is_to_be_cleared = false;
    std::vector<v1::Measurement> unwritten;
    {
      MutexLock lock(mu_);
      while (spool == nullptr && is_full()) waiting_.Wait(mu_);
      is_to_be_cleared = backlog.MayClearDisk();
      if (is_full())
        unwritten = backlog.Unwritten();
      else if (!is_to_be_cleared)
        return;
    }
    if (is_to_be_cleared) {
      spool->Clear();
      continue;
    }
    const bool is_written = spool->Append(unwritten);
    MutexLock lock(mu_);
    if (is_written) {
      backlog.Wrote(unwritten);
      backlog.KeepOnlyOldest(options_.buffer_bytes / 2);
    } else if (is_full()) {
      clock_.WaitFor(waiting_, mu_, kPause);
    }
  }
}

bool Agent::WriteToSpool(HeldAttempt& attempt, const std::optional<Upload>& checkpoint) {
  AttemptSpool* const spool = attempt.spool();
  if (spool == nullptr) return false;
  std::vector<v1::Measurement> unwritten;
  {
    MutexLock lock(mu_);
    unwritten = attempt.backlog().Unwritten();
  }
  // A checkpoint may not be ahead of its measurements.
  if (!spool->Append(unwritten)) return false;
  {
    MutexLock lock(mu_);
    attempt.backlog().Wrote(unwritten);
  }
  if (!checkpoint) return true;
  v1::Lease lease = attempt.lease();
  *lease.mutable_checkpoint() = checkpoint->about;
  if (attempt.deadline() < absl::InfiniteDuration()) {
    *lease.mutable_time_left() =
        ToProto(std::max(attempt.deadline() - clock_.Elapsed(), absl::ZeroDuration()));
  }
  return spool->Save(lease, *checkpoint->bytes);
}

void Agent::SpoolTheEnd(HeldAttempt& attempt, const Ending& ending) {
  std::optional<Upload> checkpoint;
  v1::Completion completion;
  {
    MutexLock lock(mu_);
    if (attempt.spool() == nullptr || is_welcome_ || is_closing_) return;
    checkpoint = attempt.WaitingCheckpoint();
    completion = attempt.MakeCompletion(ending.outcome, ending.message);
  }
  const bool is_written = WriteToSpool(attempt, checkpoint);
  // A worker that was told to stop and is started again goes on by itself.
  const bool goes_on = ending.outcome == v1::ATTEMPT_OUTCOME_PREEMPTED;
  if (is_written && !goes_on) attempt.spool()->Complete(completion);
}

void Agent::ReadFromSpool(const std::shared_ptr<HeldAttempt>& attempt) {
  Backlog& backlog = attempt->backlog();
  int64_t offset = 0;
  int64_t last = 0;
  {
    MutexLock lock(mu_);
    offset = backlog.read_offset();
    last = backlog.read_to();
  }
  absl::StatusOr<AttemptSpool::Part> part =
      attempt->spool()->Read(offset, last, std::min(kReadBytes, options_.buffer_bytes / 2));
  {
    MutexLock lock(mu_);
    // It may be on disk no more, and need not be.
    const auto entry = held_.find(attempt->name());
    const bool is_wanted = entry != held_.end() && entry->second == attempt &&
                           attempt->WantsReading(options_.buffer_bytes / 2) &&
                           backlog.read_offset() == offset;
    if (!is_wanted || (part.ok() && backlog.Read(part->measurements, part->end))) return;
  }
  if (part.ok()) part = absl::DataLossError("its measurements are not in order");
  HandBackDamaged(*attempt, part.status());
}

void Agent::HandBackDamaged(HeldAttempt& attempt, const absl::Status& why) {
  Log(LogLevel::kWarning, "spool.damaged", {{"attempt", attempt.name()}, {"why", why.message()}});
  MutexLock lock(mu_);
  attempt.HandBackDamaged(
      absl::StrCat("what the worker kept of it cannot be used: ", why.message()));
  NotifyAll();
}

}  // namespace tpsweep::agent
