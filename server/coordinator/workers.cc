// The coordinator's side of a worker's stream.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/names.h"
#include "common/status_macros.h"
#include "server/coordinator/check_messages.h"
#include "server/coordinator/coordinator.h"

namespace tpsweep::server {
namespace {

google::protobuf::Duration ToProtoDuration(absl::Duration duration) {
  google::protobuf::Duration proto;
  const int64_t seconds = absl::ToInt64Seconds(duration);
  proto.set_seconds(seconds);
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(duration - absl::Seconds(seconds))));
  return proto;
}

void Send(const WorkerEntry& worker, v1::Ack ack) {
  v1::ServerMessage message;
  *message.mutable_ack() = std::move(ack);
  worker.link->Send(std::move(message));
}

v1::Ack MakeAck(const std::string& attempt, v1::Directive directive) {
  v1::Ack ack;
  ack.set_attempt(attempt);
  ack.set_directive(directive);
  return ack;
}

// What is durable of the attempt now.
v1::Ack MakeAck(const Lease& lease, v1::Directive directive) {
  v1::Ack ack = MakeAck(lease.attempt.name(), directive);
  ack.set_durable_sequence(lease.durable_sequence);
  ack.set_durable_checkpoint(lease.durable_checkpoint);
  return ack;
}

// Whether `run` shows that its attempt `number` ended with `outcome`
// (UNSPECIFIED: with any result).
bool HasEnded(const v1::Run& run, int64_t number, v1::AttemptOutcome outcome) {
  if (run.attempt() != number) return false;
  switch (outcome) {
    case v1::ATTEMPT_OUTCOME_COMPLETED:
      return run.state() == v1::RUN_STATE_SUCCEEDED;
    case v1::ATTEMPT_OUTCOME_INFEASIBLE:
      return run.state() == v1::RUN_STATE_INFEASIBLE;
    case v1::ATTEMPT_OUTCOME_CANCELLED:
      return run.state() == v1::RUN_STATE_CANCELLED;
    case v1::ATTEMPT_OUTCOME_FAILED:
      return run.state() == v1::RUN_STATE_FAILED || run.state() == v1::RUN_STATE_QUEUED;
    case v1::ATTEMPT_OUTCOME_PREEMPTED:
      return run.state() == v1::RUN_STATE_QUEUED;
    case v1::ATTEMPT_OUTCOME_TIMED_OUT:
      return run.state() == v1::RUN_STATE_FAILED;
    case v1::ATTEMPT_OUTCOME_PAUSED:
      return run.state() == v1::RUN_STATE_PAUSED || run.state() == v1::RUN_STATE_QUEUED;
    default:
      return IsEnd(run.state()) && run.state() != v1::RUN_STATE_CANCELLED;
  }
}

}  // namespace

absl::StatusOr<SessionId> Coordinator::Connect(const v1::Hello& hello,
                                               std::shared_ptr<WorkerLink> link) {
  TP_RETURN_IF_ERROR(Check(hello));
  std::vector<std::string> stale;
  SessionId session = 0;
  {
    MutexLock lock(mu_);
    if (is_draining_) return absl::UnavailableError("the server is draining; try again");
    Change change(clock_.WallNow());
    if (const WorkerEntry* known = workers_.Find(hello.worker_id()); known != nullptr) {
      const bool is_same = known->incarnation == hello.incarnation();
      if (!is_same && known->link != nullptr) {
        return absl::AlreadyExistsError(
            absl::StrCat("a worker with id '", hello.worker_id(), "' is connected (from host '",
                         known->about.host(), "'); give this one another id"));
      }
      if (is_same && known->link != nullptr) {
        known->link->Close(absl::AbortedError("the worker connected again"));
      }
      // A new process has nothing of the old one's. (After a restart of the
      // server the incarnation is not known; then `held_attempts` decides.)
      if (!is_same && !known->incarnation.empty()) {
        LoseAllOf(*known, "the worker started again", change);
      }
    }
    WorkerEntry& worker = workers_.At(hello.worker_id());
    session = workers_.Connect(worker, std::move(link));
    worker.incarnation = hello.incarnation();
    worker.last_heard = clock_.Elapsed();
    worker.about.set_host(hello.host());
    worker.about.set_slots(hello.slots());
    worker.about.set_version(hello.version());
    *worker.about.mutable_datasets() = hello.datasets();
    *worker.about.mutable_connect_time() = ToProto(change.now);
    Log(LogLevel::kInfo, "worker.connected",
        {{"worker", hello.worker_id()}, {"host", hello.host()}, {"slots", hello.slots()}});

    v1::ServerMessage message;
    v1::Welcome& welcome = *message.mutable_welcome();
    *welcome.mutable_lease_ttl() = ToProtoDuration(options_.lease_ttl);
    *welcome.mutable_heartbeat_interval() = ToProtoDuration(options_.lease_ttl / 3);
    welcome.set_server_version(options_.version);
    worker.link->Send(std::move(message));

    // First: such an attempt is not sent again.
    for (const v1::Crash& crash : hello.crashes()) TakeCrash(crash, change);
    std::set<std::string> held(hello.held_attempts().begin(), hello.held_attempts().end());
    for (const std::string& attempt : held) {
      if (worker.attempts.contains(attempt)) {
        const Lease& lease = *leases_.Find(attempt);
        Send(worker,
             MakeAck(lease, IsPaused(lease) ? v1::DIRECTIVE_PAUSE : v1::DIRECTIVE_CONTINUE));
      } else {
        stale.push_back(attempt);
      }
    }
    for (const std::string& attempt : std::set<std::string>(worker.attempts)) {
      if (held.contains(attempt)) continue;
      // The grant was lost on the way, or the process that had it is gone.
      const Lease& lease = *leases_.Find(attempt);
      if (!lease.training.has_value()) {
        LoseAttempt(attempt, "the worker does not know it any more", change);
      } else if (lease.is_granted) {
        SendLease(worker, lease);
        if (IsPaused(lease)) Send(worker, MakeAck(lease, v1::DIRECTIVE_PAUSE));
      }
    }
    Schedule(change);
    Publish(std::move(change));
  }
  for (const std::string& attempt : stale) {
    AnswerStale(session, attempt, v1::ATTEMPT_OUTCOME_UNSPECIFIED);
  }
  return session;
}

absl::Status Coordinator::Receive(SessionId session, const v1::WorkerMessage& message) {
  switch (message.message_case()) {
    case v1::WorkerMessage::kFreeSlots:
      TP_RETURN_IF_ERROR(Check(message.free_slots()));
      break;
    case v1::WorkerMessage::kReport:
      TP_RETURN_IF_ERROR(Check(message.report()));
      break;
    case v1::WorkerMessage::kCompletion:
      TP_RETURN_IF_ERROR(Check(message.completion()));
      break;
    case v1::WorkerMessage::kHeartbeat:
      break;
    case v1::WorkerMessage::kHello:
      return absl::InvalidArgumentError("hello: said twice on one stream");
    default:
      return absl::InvalidArgumentError(
          "message: none of free_slots, report, completion and heartbeat is set");
  }
  absl::StatusOr<bool> is_leased = true;
  {
    MutexLock lock(mu_);
    WorkerEntry* worker = workers_.FindSession(session);
    if (worker == nullptr) return absl::AbortedError("the worker connected again, or was given up");
    worker->last_heard = clock_.Elapsed();
    Change change(clock_.WallNow());
    if (message.has_report()) {
      is_leased = TakeReport(*worker, message.report(), change);
    } else if (message.has_completion()) {
      const v1::Completion& completion = message.completion();
      if (completion.has_free_slots()) worker->offered = completion.free_slots().count();
      is_leased = TakeCompletion(*worker, completion, change);
      Schedule(change);
    } else if (message.has_free_slots()) {
      worker->offered = message.free_slots().count();
      Schedule(change);
    }
    Publish(std::move(change));
  }
  TP_RETURN_IF_ERROR(is_leased.status());
  if (!*is_leased && message.has_report()) {
    AnswerStale(session, message.report().attempt(), v1::ATTEMPT_OUTCOME_UNSPECIFIED);
  } else if (!*is_leased) {
    AnswerStale(session, message.completion().attempt(), message.completion().outcome());
  }
  return absl::OkStatus();
}

void Coordinator::Disconnect(SessionId session) {
  MutexLock lock(mu_);
  WorkerEntry* worker = workers_.FindSession(session);
  if (worker == nullptr) return;
  Log(LogLevel::kInfo, "worker.disconnected", {{"worker", worker->about.id()}});
  workers_.Disconnect(*worker);
}

absl::StatusOr<bool> Coordinator::TakeReport(WorkerEntry& worker, const v1::Report& report,
                                             Change& change) {
  if (!worker.attempts.contains(report.attempt())) return false;
  Lease& lease = *leases_.Find(report.attempt());
  if (report.has_checkpoint()) TP_RETURN_IF_ERROR(CheckArrived(lease, report.checkpoint()));
  for (const v1::Measurement& measurement : report.measurements()) {
    if (measurement.sequence() <= lease.last_sequence) continue;  // said before
    if (measurement.sequence() > lease.last_sequence + 1) break;  // one is missing
    lease.last_sequence = measurement.sequence();
    v1::MeasurementRecord& record = change.batch.measurements.emplace_back();
    record.set_attempt(report.attempt());
    *record.mutable_measurement() = measurement;
  }
  const bool has_news =
      !change.batch.measurements.empty() || report.checkpoint().number() > lease.last_checkpoint;
  if (!has_news) {
    Send(worker, MakeAck(lease, v1::DIRECTIVE_CONTINUE));
    return true;
  }
  StudyState& study = *FindStudy(lease.study);
  v1::Run& run = *study.FindOpen(lease.run);
  for (const v1::MeasurementRecord& record : change.batch.measurements) {
    study.Measure(run, record.measurement());
  }
  if (report.has_checkpoint()) TakeCheckpoint(lease, run, report.checkpoint(), change);
  study.Touch(run, change);
  v1::Ack ack = MakeAck(report.attempt(), v1::DIRECTIVE_CONTINUE);
  ack.set_durable_sequence(lease.last_sequence);
  ack.set_durable_checkpoint(lease.last_checkpoint);
  change.acks.push_back({worker.about.id(), std::move(ack)});
  return true;
}

bool Coordinator::TakeCompletion(WorkerEntry& worker, const v1::Completion& completion,
                                 Change& change) {
  const std::string& attempt = completion.attempt();
  if (!worker.attempts.contains(attempt)) return false;
  Lease& lease = *leases_.Find(attempt);
  if (completion.last_sequence() > lease.last_sequence) {
    Send(worker, MakeAck(lease, v1::DIRECTIVE_CONTINUE));
    return true;
  }
  StudyState& study = *FindStudy(lease.study);
  v1::Run& run = *study.FindOpen(lease.run);
  v1::Ack ack = MakeAck(attempt, v1::DIRECTIVE_CONTINUE);
  ack.set_durable_sequence(lease.last_sequence);
  ack.set_durable_checkpoint(lease.last_checkpoint);
  ack.set_completed(true);
  change.acks.push_back({worker.about.id(), std::move(ack)});
  const std::string message = CutMessage(completion.message());
  lease.mean_threads = completion.mean_threads();
  EndAttempt(attempt, completion.outcome(), message, change);
  run.set_message(message);
  switch (completion.outcome()) {
    case v1::ATTEMPT_OUTCOME_COMPLETED:
      if (message.empty()) run.set_message(study.Unmeasured(run));
      study.Move(run, v1::RUN_STATE_SUCCEEDED, "run.succeeded", change);
      break;
    case v1::ATTEMPT_OUTCOME_INFEASIBLE:
      study.Move(run, v1::RUN_STATE_INFEASIBLE, "run.infeasible", change);
      break;
    case v1::ATTEMPT_OUTCOME_CANCELLED:
      study.Move(run, v1::RUN_STATE_CANCELLED, "run.cancelled", change);
      break;
    case v1::ATTEMPT_OUTCOME_FAILED:
      change.AddEvent("attempt.failed", attempt, message);
      CountFailure(study, run, change);
      break;
    case v1::ATTEMPT_OUTCOME_TIMED_OUT:
      change.AddEvent("attempt.timed_out", attempt, message);
      run.set_message(absl::StrCat("it was not done in the ",
                                   study.record().spec().budget().run_seconds(),
                                   " seconds of budget.run_seconds"));
      study.Move(run, v1::RUN_STATE_FAILED, "run.failed", change);
      break;
    case v1::ATTEMPT_OUTCOME_PAUSED:
      study.Pause(run, change);
      break;
    default:  // PREEMPTED: the door lets no other pass
      change.AddEvent("attempt.preempted", attempt, message);
      study.Move(run, v1::RUN_STATE_QUEUED, "run.queued", change);
      break;
  }
  return true;
}

void Coordinator::CountFailure(StudyState& study, v1::Run& run, Change& change) {
  run.set_failures(run.failures() + 1);
  if (run.failures() >= options_.max_failures) {
    study.Move(run, v1::RUN_STATE_FAILED, "run.failed", change);
  } else {
    study.Move(run, v1::RUN_STATE_QUEUED, "run.queued", change);
  }
}

void Coordinator::TakeCrash(const v1::Crash& crash, Change& change) {
  const AttemptName name = *ParseAttemptName(crash.attempt());
  StudyState* study = FindStudy(name.study);
  v1::Run* run = study == nullptr ? nullptr : study->FindOpen({name.trial, name.replicate});
  if (run == nullptr || name.attempt <= run->crashed_attempt() || name.attempt > run->attempt()) {
    return;  // it has ended since, or was told of before
  }
  const std::string message = absl::StrCat("it crashed its worker (", crash.what(), ")");
  Log(LogLevel::kError, "attempt.crashed", {{"attempt", crash.attempt()}, {"what", crash.what()}});
  change.AddEvent("attempt.crashed", crash.attempt(), message);
  run->set_crashed_attempt(name.attempt);
  run->set_message(message);
  if (leases_.Find(crash.attempt()) != nullptr) {
    EndAttempt(crash.attempt(), v1::ATTEMPT_OUTCOME_FAILED, message, change);
  } else if (run->state() != v1::RUN_STATE_QUEUED) {
    // Given up as lost before, and somebody else has it: one failure more when that ends
    // badly too.
    run->set_failures(run->failures() + 1);
    return study->Touch(*run, change);
  }
  CountFailure(*study, *run, change);
}

void Coordinator::AnswerStale(SessionId session, const std::string& attempt,
                              v1::AttemptOutcome outcome) {
  writer_.WhenDurable(writer_.last_ticket(), [=, this](const absl::Status& durable) {
    if (!durable.ok()) return;
    const AttemptName name = *ParseAttemptName(attempt);
    const absl::StatusOr<v1::Run> run = store_.GetRun(ToString(ParentOf(name)));
    // Not known for certain: say nothing, the worker will ask again.
    if (!run.ok() && !absl::IsNotFound(run.status())) return;
    const bool has_ended = run.ok() && HasEnded(*run, name.attempt, outcome);
    MutexLock lock(mu_);
    const WorkerEntry* worker = workers_.FindSession(session);
    if (worker == nullptr || worker->attempts.contains(attempt)) return;
    v1::Ack ack = MakeAck(attempt, has_ended ? v1::DIRECTIVE_CONTINUE : v1::DIRECTIVE_ABANDON);
    ack.set_completed(has_ended);
    Send(*worker, std::move(ack));
  });
}

bool Coordinator::IsPaused(const Lease& lease) {
  return FindStudy(lease.study)->record().state() == v1::STUDY_STATE_PAUSED;
}

void Coordinator::SendLease(const WorkerEntry& worker, const Lease& lease) const {
  v1::ServerMessage message;
  message.mutable_lease()->set_attempt(lease.attempt.name());
  *message.mutable_lease()->mutable_training() = *lease.training;
  if (lease.checkpoint) {
    // What the run had measured then is no affair of the worker's.
    v1::Checkpoint& checkpoint = *message.mutable_lease()->mutable_checkpoint();
    checkpoint = *lease.checkpoint;
    checkpoint.clear_latest();
    checkpoint.clear_entries();
  }
  *message.mutable_lease()->mutable_checkpoint_interval() =
      ToProtoDuration(lease.checkpoint_interval);
  message.mutable_lease()->set_pause_after_epoch(lease.pause_after_epoch);
  message.mutable_lease()->set_keep_final(lease.keep_final);
  if (lease.time_left) {
    *message.mutable_lease()->mutable_time_left() = ToProtoDuration(*lease.time_left);
  }
  worker.link->Send(std::move(message));
}

void Coordinator::EndAttempt(const std::string& attempt, v1::AttemptOutcome outcome,
                             absl::string_view message, Change& change) {
  Lease& lease = *leases_.Find(attempt);
  lease.attempt.set_outcome(outcome);
  lease.attempt.set_message(std::string(message));
  *lease.attempt.mutable_end_time() = ToProto(change.now);
  change.batch.attempts.push_back(lease.attempt);
  const double seconds =
      std::max(0.0, absl::ToDoubleSeconds(change.now - FromProto(lease.attempt.start_time())));
  StudyState& study = *FindStudy(lease.study);
  // A lease from before a restart has no training any more.
  const int fixed =
      (lease.training ? *lease.training : study.record().spec().training()).threads_per_run();
  const double threads = lease.mean_threads > 0 ? lease.mean_threads : std::max(1, fixed);
  study.Spend(lease.run.trial, seconds * threads, change);
  v1::Run& run = *study.FindOpen(lease.run);
  run.set_spent_seconds(run.spent_seconds() + seconds);
  CollectUnrecorded(run, change);
  workers_.At(lease.attempt.worker()).attempts.erase(attempt);
  leases_.Remove(attempt);
}

void Coordinator::LoseAttempt(const std::string& attempt, absl::string_view why, Change& change) {
  const Lease& lease = *leases_.Find(attempt);
  StudyState& study = *FindStudy(lease.study);
  v1::Run& run = *study.FindOpen(lease.run);
  Log(LogLevel::kWarning, "attempt.lost",
      {{"attempt", attempt}, {"worker", lease.attempt.worker()}, {"why", why}});
  change.AddEvent("attempt.lost", attempt, why);
  EndAttempt(attempt, v1::ATTEMPT_OUTCOME_LOST, why, change);
  study.Move(run, v1::RUN_STATE_QUEUED, "run.queued", change);
}

void Coordinator::LoseAllOf(const WorkerEntry& worker, absl::string_view why, Change& change) {
  for (const std::string& attempt : std::set<std::string>(worker.attempts)) {
    LoseAttempt(attempt, why, change);
  }
}

void Coordinator::Tick() {
  writer_.Expire();
  MutexLock lock(mu_);
  const absl::Duration now = clock_.Elapsed();
  if (!writer_.Status().ok() || !writer_.HasRoom()) {
    // Streams are not read while the store lags: their silence is ours.
    for (auto& [id, worker] : workers_.all()) worker.last_heard = now;
    return;
  }
  Change change(clock_.WallNow());
  std::vector<std::string> silent;
  for (auto& [id, worker] : workers_.all()) {
    if (now - worker.last_heard > options_.lease_ttl) silent.push_back(id);
  }
  for (const std::string& id : silent) {
    WorkerEntry& worker = *workers_.Find(id);
    if (worker.link != nullptr) {
      worker.link->Close(absl::DeadlineExceededError(
          absl::StrCat("nothing heard for ", absl::FormatDuration(options_.lease_ttl))));
    }
    Log(LogLevel::kWarning, "worker.silent", {{"worker", id}});
    LoseAllOf(worker, "the worker fell silent", change);
    workers_.Disconnect(worker);
    workers_.Remove(id);
  }
  Schedule(change);
  Publish(std::move(change));
}

void Coordinator::Drain() {
  MutexLock lock(mu_);
  is_draining_ = true;
  for (auto& [id, worker] : workers_.all()) {
    if (worker.link == nullptr) continue;
    worker.link->Close(absl::UnavailableError("the server is draining"));
    workers_.Disconnect(worker);
  }
}

std::vector<v1::Worker> Coordinator::Workers() const {
  MutexLock lock(mu_);
  const absl::Time wall = clock_.WallNow();
  const absl::Duration now = clock_.Elapsed();
  std::vector<v1::Worker> workers;
  for (const auto& [id, entry] : workers_.all()) {
    v1::Worker& worker = workers.emplace_back(entry.about);
    worker.set_connected(entry.link != nullptr);
    worker.set_busy_slots(static_cast<int32_t>(entry.attempts.size()));
    *worker.mutable_last_seen_time() = ToProto(wall - (now - entry.last_heard));
    for (const std::string& attempt : entry.attempts) {
      worker.add_runs(ToString(ParentOf(*ParseAttemptName(attempt))));
    }
  }
  return workers;
}

}  // namespace tpsweep::server
