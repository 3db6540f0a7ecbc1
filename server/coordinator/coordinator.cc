#include "server/coordinator/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/names.h"
#include "common/spec/arms.h"
#include "common/spec/validate.h"
#include "common/status_macros.h"
#include "google/protobuf/util/message_differencer.h"
#include "server/coordinator/imports.h"

namespace tpsweep::server {
namespace {

constexpr size_t kMaxKey = 128;

v1::Study NewStudy(const v1::StudySpec& spec) {
  v1::Study study;
  study.set_name(ToString(StudyName{spec.study()}));
  *study.mutable_spec() = spec;
  study.mutable_runs();
  return study;
}

}  // namespace

std::string StateName(v1::StudyState state) {
  switch (state) {
    case v1::STUDY_STATE_ACTIVE:
      return "active";
    case v1::STUDY_STATE_PAUSED:
      return "paused";
    case v1::STUDY_STATE_COMPLETED:
      return "completed";
    default:
      return "cancelled";
  }
}

absl::Status NoSuchStudy(absl::string_view study) {
  return absl::NotFoundError(absl::StrCat("there is no study '", study, "'"));
}

Coordinator::Coordinator(CoordinatorOptions options, Store& store, CheckpointStore& checkpoints,
                         StoreWriter& writer, Clock& clock)
    : options_(std::move(options)),
      store_(store),
      checkpoints_(checkpoints),
      writer_(writer),
      clock_(clock) {}

Coordinator::~Coordinator() { writer_.Stop(); }

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Open(CoordinatorOptions options,
                                                               Store& store,
                                                               CheckpointStore& checkpoints,
                                                               StoreWriter& writer, Clock& clock) {
  std::unique_ptr<Coordinator> coordinator(
      new Coordinator(std::move(options), store, checkpoints, writer, clock));
  TP_RETURN_IF_ERROR(coordinator->Recover());
  return coordinator;
}

void Coordinator::CreateStudy(const v1::CreateStudyRequest& request, StudyAnswer done) {
  v1::StudySpec spec = request.spec();
  if (absl::Status legal = spec::Complete(spec); !legal.ok()) return done(std::move(legal));
  v1::Study fresh = NewStudy(spec);
  absl::StatusOr<std::vector<v1::Trial>> imported = ImportTrials(store_, spec);
  if (!imported.ok()) return done(imported.status());
  for (v1::Trial& trial : *imported) *fresh.add_imported() = std::move(trial);
  fresh.set_expected_runs(spec::ExpectedRuns(spec));
  if (request.validate_only()) return done(std::move(fresh));
  if (request.idempotency_key().size() > kMaxKey) {
    return done(absl::InvalidArgumentError(absl::StrCat(
        "idempotency_key: ", request.idempotency_key().size(), " bytes are more than ", kMaxKey)));
  }
  const absl::StatusOr<Written> written = Create(std::move(fresh), request.idempotency_key());
  if (!written.ok()) return done(written.status());
  writer_.WhenDurable(
      written->ticket,
      [this, spec = std::move(spec), study = written->study,
       done = std::move(done)](const absl::Status& durable) mutable {
        if (!durable.ok()) return done(durable);
        if (!study.has_value()) {  // created before, with the same key
          absl::StatusOr<v1::Study> first = store_.GetStudy(ToString(StudyName{spec.study()}));
          if (!first.ok()) return done(first.status());
          if (!google::protobuf::util::MessageDifferencer::Equals(first->spec(), spec)) {
            return done(absl::AlreadyExistsError(
                absl::StrCat("study '", spec.study(),
                             "' was created with this idempotency key, but from another spec")));
          }
          study = *std::move(first);
        }
        study->set_waiting_reason(WaitingReason(*study));
        done(*std::move(study));
      },
      options_.answer_limit);
}

absl::StatusOr<Coordinator::Written> Coordinator::Create(v1::Study fresh, const std::string& key) {
  auto state = std::make_unique<StudyState>(std::move(fresh));
  const v1::StudySpec& spec = state->record().spec();
  MutexLock lock(mu_);
  TP_RETURN_IF_ERROR(CheckWritable());
  const auto existing = index_.find(spec.study());
  if (existing != index_.end() && !key.empty() && existing->second.idempotency_key == key) {
    return Written{writer_.last_ticket(), std::nullopt};
  }
  if (existing != index_.end()) {
    return absl::AlreadyExistsError(absl::StrCat("there is a study '", spec.study(),
                                                 "' already; choose another name or delete it"));
  }
  if (const auto used = keys_.find(key); !key.empty() && used != keys_.end()) {
    return absl::AlreadyExistsError(absl::StrCat("this idempotency key was used for study '",
                                                 used->second, "', not '", spec.study(), "'"));
  }
  Change change(clock_.WallNow());
  state->Start(key, change);
  const int64_t number = ++studies_created_;
  index_[spec.study()] = {number, v1::STUDY_STATE_ACTIVE, key};
  if (!key.empty()) keys_[key] = spec.study();
  StudyState& study = *(studies_[number] = std::move(state));
  v1::Study answer = study.record();
  Log(LogLevel::kInfo, "study.created", {{"study", spec.study()}});
  Schedule(change);
  return Written{Publish(std::move(change)), std::move(answer)};
}

void Coordinator::PauseStudy(absl::string_view name, StudyAnswer done) {
  ChangeStudy(Verb::kPause, name, std::move(done));
}
void Coordinator::ResumeStudy(absl::string_view name, StudyAnswer done) {
  ChangeStudy(Verb::kResume, name, std::move(done));
}
void Coordinator::CancelStudy(absl::string_view name, StudyAnswer done) {
  ChangeStudy(Verb::kCancel, name, std::move(done));
}

void Coordinator::ChangeStudy(Verb verb, absl::string_view name, StudyAnswer done) {
  const absl::StatusOr<StudyName> parsed = ParseStudyName(name);
  if (!parsed.ok()) return done(parsed.status());
  const absl::StatusOr<Written> written = Apply(verb, parsed->study);
  if (!written.ok()) return done(written.status());
  writer_.WhenDurable(
      written->ticket,
      [this, name = std::string(name), study = written->study,
       done = std::move(done)](const absl::Status& durable) mutable {
        if (!durable.ok()) return done(durable);
        if (!study.has_value()) return done(store_.GetStudy(name));
        study->set_waiting_reason(WaitingReason(*study));
        done(*std::move(study));
      },
      options_.answer_limit);
}

absl::StatusOr<Coordinator::Written> Coordinator::Apply(Verb verb, const std::string& name) {
  MutexLock lock(mu_);
  TP_RETURN_IF_ERROR(CheckWritable());
  const auto entry = index_.find(name);
  if (entry == index_.end()) return NoSuchStudy(name);
  const v1::StudyState state = entry->second.state;
  if (verb == Verb::kCancel && state == v1::STUDY_STATE_CANCELLED) {
    return Written{writer_.last_ticket(), std::nullopt};
  }
  if (IsEnd(state)) {
    return absl::FailedPreconditionError(
        absl::StrCat("study '", name, "' is ", StateName(state), " already"));
  }
  StudyState& study = *FindStudy(name);
  Change change(clock_.WallNow());
  if (verb == Verb::kCancel) {
    CancelRuns(study, change);
  } else if (verb == Verb::kPause && state != v1::STUDY_STATE_PAUSED) {
    study.SetState(v1::STUDY_STATE_PAUSED, "study.paused", change);
    PauseRuns(study, change);
  } else if (verb == Verb::kResume && state != v1::STUDY_STATE_ACTIVE) {
    study.SetState(v1::STUDY_STATE_ACTIVE, "study.resumed", change);
    study.QueuePaused(change);
  }
  v1::Study answer = study.record();
  Schedule(change);
  return Written{Publish(std::move(change)), std::move(answer)};
}

void Coordinator::CancelRuns(StudyState& study, Change& change) {
  for (const std::string& attempt : leases_.OfStudy(study.record().spec().study())) {
    const Lease& lease = *leases_.Find(attempt);
    v1::Ack stop;
    stop.set_attempt(attempt);
    stop.set_durable_sequence(lease.durable_sequence);
    stop.set_directive(v1::DIRECTIVE_STOP);
    change.acks.push_back({lease.attempt.worker(), std::move(stop)});
    EndAttempt(attempt, v1::ATTEMPT_OUTCOME_CANCELLED, "", change);
  }
  study.Cancel(change);
}

void Coordinator::PauseRuns(const StudyState& study, Change& change) {
  for (const std::string& attempt : leases_.OfStudy(study.record().spec().study())) {
    const Lease& lease = *leases_.Find(attempt);
    v1::Ack pause;
    pause.set_attempt(attempt);
    pause.set_durable_sequence(lease.durable_sequence);
    pause.set_durable_checkpoint(lease.durable_checkpoint);
    pause.set_directive(v1::DIRECTIVE_PAUSE);
    change.acks.push_back({lease.attempt.worker(), std::move(pause)});
  }
}

void Coordinator::DeleteStudy(absl::string_view name, std::function<void(absl::Status)> done) {
  const absl::StatusOr<StudyName> parsed = ParseStudyName(name);
  if (!parsed.ok()) return done(parsed.status());
  StoreWriter::Ticket ticket = 0;
  const absl::Status deleted = [&]() -> absl::Status {
    MutexLock lock(mu_);
    TP_RETURN_IF_ERROR(CheckWritable());
    const auto entry = index_.find(parsed->study);
    if (entry == index_.end()) return NoSuchStudy(parsed->study);
    if (!IsEnd(entry->second.state)) {
      return absl::FailedPreconditionError(absl::StrCat("study '", parsed->study, "' is ",
                                                        StateName(entry->second.state),
                                                        "; cancel it before deleting it"));
    }
    keys_.erase(entry->second.idempotency_key);
    index_.erase(entry);
    Change change(clock_.WallNow());
    change.batch.deleted_studies.push_back(std::string(name));
    change.AddEvent("study.deleted", name);
    CollectAllOf(parsed->study, change);
    ticket = Publish(std::move(change));
    return absl::OkStatus();
  }();
  if (!deleted.ok()) return done(deleted);
  writer_.WhenDurable(ticket, std::move(done), options_.answer_limit);
}

absl::Status Coordinator::CheckWritable() const {
  if (is_draining_) return absl::UnavailableError("the server is draining; try again");
  return writer_.Status();
}

StudyState* Coordinator::FindStudy(const std::string& study) {
  const auto entry = index_.find(study);
  if (entry == index_.end()) return nullptr;
  const auto found = studies_.find(entry->second.number);
  return found == studies_.end() ? nullptr : found->second.get();
}

StoreWriter::Ticket Coordinator::Publish(Change change) {
  for (StudyState* study : change.touched) {
    if (study->is_finished() && !IsEnd(study->record().state())) {
      study->SetState(v1::STUDY_STATE_COMPLETED, "study.completed", change);
      Log(LogLevel::kInfo, "study.completed", {{"study", study->record().spec().study()}});
    }
  }
  for (StudyState* study : change.touched) {
    const v1::Study& record = study->record();
    change.batch.studies.push_back(record);
    IndexEntry& entry = index_[record.spec().study()];
    entry.state = record.state();
    if (IsEnd(record.state())) studies_.erase(entry.number);
  }
  if (change.batch.empty()) return writer_.last_ticket();
  for (v1::Event& event : change.batch.events) {
    event.set_revision(++revision_);
    *event.mutable_time() = ToProto(change.now);
  }
  for (const CheckpointCopy& copy : change.copies) checkpoint_bytes_[copy.to] = copy.bytes;
  for (const CheckpointName& name : change.garbage) checkpoint_bytes_.erase(name);
  StoreWriter::Callback then;
  if (!change.granted.empty() || !change.acks.empty() || !change.copies.empty() ||
      !change.garbage.empty()) {
    then = [this, granted = std::move(change.granted), acks = std::move(change.acks),
            copies = std::move(change.copies),
            garbage = std::move(change.garbage)](const absl::Status& durable) mutable {
      if (!durable.ok()) return;
      CopyCheckpoints(copies);
      OnDurable(granted, std::move(acks));
      RemoveGarbage(garbage);
    };
  }
  return writer_.Enqueue(std::move(change.batch), std::move(then));
}

void Coordinator::OnDurable(const std::vector<std::string>& granted,
                            std::vector<Change::PendingAck> acks) {
  MutexLock lock(mu_);
  for (Change::PendingAck& pending : acks) {
    v1::Ack& ack = pending.ack;
    if (ack.directive() == v1::DIRECTIVE_CONTINUE && !ack.completed()) {
      Lease* lease = leases_.Find(ack.attempt());
      if (lease == nullptr) continue;  // it has ended since; that has its own answer
      lease->durable_sequence = std::max(lease->durable_sequence, ack.durable_sequence());
      lease->durable_checkpoint = std::max(lease->durable_checkpoint, ack.durable_checkpoint());
      ack.set_durable_sequence(lease->durable_sequence);
      ack.set_durable_checkpoint(lease->durable_checkpoint);
    }
    const WorkerEntry* worker = workers_.Find(pending.worker);
    if (worker == nullptr || worker->link == nullptr) continue;
    v1::ServerMessage message;
    *message.mutable_ack() = std::move(ack);
    worker->link->Send(std::move(message));
  }
  for (const std::string& attempt : granted) {
    Lease* lease = leases_.Find(attempt);
    if (lease == nullptr) continue;
    lease->is_granted = true;
    const WorkerEntry* worker = workers_.Find(lease->attempt.worker());
    if (worker != nullptr && worker->link != nullptr) SendLease(*worker, *lease);
  }
}

}  // namespace tpsweep::server
