// Taking up at start what the store holds.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/names.h"
#include "common/status_macros.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/read_all.h"

namespace tpsweep::server {
absl::Status Coordinator::Recover() {
  MutexLock lock(mu_);
  TP_ASSIGN_OR_RETURN(revision_, store_.LastRevision());
  std::vector<v1::Study> studies;
  TP_RETURN_IF_ERROR(
      ForEach<v1::Study>([this](const PageRequest& page) { return store_.ListStudies({}, page); },
                         [&studies](v1::Study study) {
                           studies.push_back(std::move(study));
                           return absl::OkStatus();
                         }));
  for (v1::Study& study : studies) TP_RETURN_IF_ERROR(RecoverStudy(std::move(study)));
  TP_ASSIGN_OR_RETURN(std::vector<v1::Attempt> open, store_.OpenAttempts());
  for (v1::Attempt& attempt : open) TP_RETURN_IF_ERROR(RecoverLease(std::move(attempt)));
  TP_RETURN_IF_ERROR(RecoverCheckpoints());
  Log(LogLevel::kInfo, "server.recovered",
      {{"studies", index_.size()}, {"unfinished", studies_.size()}, {"leases", open.size()}});
  return absl::OkStatus();
}

absl::Status Coordinator::RecoverStudy(v1::Study record) {
  const std::string study = record.spec().study();
  const int64_t number = ++studies_created_;
  index_[study] = {number, record.state(), record.idempotency_key()};
  if (!record.idempotency_key().empty()) keys_[record.idempotency_key()] = study;
  if (IsEnd(record.state())) return absl::OkStatus();
  TP_ASSIGN_OR_RETURN(studies_[number], LoadStudy(std::move(record)));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<StudyState>> Coordinator::LoadStudy(v1::Study record) const {
  auto state = std::make_unique<StudyState>(std::move(record));
  const std::string name = state->record().name();
  // In one go: at the rungs of a large study as many trials wait as it has.
  std::map<int64_t, std::vector<v1::Run>> open;
  TP_RETURN_IF_ERROR(ForEach<v1::Run>(
      [&](const PageRequest& page) {
        return store_.ListRuns(
            {name, {v1::RUN_STATE_QUEUED, v1::RUN_STATE_RUNNING, v1::RUN_STATE_PAUSED}}, page);
      },
      [&open](v1::Run run) {
        open[run.trial()].push_back(std::move(run));
        return absl::OkStatus();
      }));
  TP_RETURN_IF_ERROR(ForEach<v1::Trial>(
      [&](const PageRequest& page) {
        return store_.ListTrials({name, {}}, page);
      },
      [&](v1::Trial trial) -> absl::Status {
        std::vector<v1::Run> runs;
        if (trial.state() == v1::TRIAL_STATE_ACTIVE) {
          runs = std::move(open[trial.number()]);
          const bool some_have_ended = static_cast<int64_t>(runs.size()) != trial.replicates();
          if (some_have_ended) {
            TP_ASSIGN_OR_RETURN(runs, RunsOf(store_, trial.name()));
          }
        }
        state->Restore(std::move(trial), std::move(runs));
        return absl::OkStatus();
      }));
  for (const int64_t best : state->BestTrials()) {
    TP_ASSIGN_OR_RETURN(std::vector<v1::Run> runs, RunsOf(store_, state->trial(best).name()));
    for (v1::Run& run : runs) state->RestoreKept(std::move(run));
  }
  return state;
}

absl::Status Coordinator::RecoverLease(v1::Attempt attempt) {
  TP_ASSIGN_OR_RETURN(const AttemptName name, ParseAttemptName(attempt.name()));
  StudyState* study = FindStudy(name.study);
  const RunKey key{name.trial, name.replicate};
  const v1::Run* run = study == nullptr ? nullptr : study->FindOpen(key);
  if (run == nullptr || run->attempt() != name.attempt) {
    return absl::DataLossError(
        absl::StrCat("the store holds ", attempt.name(), " as open, but not its run"));
  }
  // Its worker has a whole lease to come back in.
  WorkerEntry& worker = workers_.At(attempt.worker());
  worker.last_heard = clock_.Elapsed();
  worker.attempts.insert(attempt.name());
  Lease lease;
  TP_ASSIGN_OR_RETURN(const int64_t measured, store_.LastSequence(attempt.name()));
  lease.last_sequence = std::max(measured, attempt.start_sequence());
  lease.durable_sequence = lease.last_sequence;
  for (const v1::Checkpoint& checkpoint : run->checkpoints()) {
    if (checkpoint.attempt() == name.attempt) lease.last_checkpoint = checkpoint.number();
  }
  lease.durable_checkpoint = lease.last_checkpoint;
  lease.study = name.study;
  lease.run = key;
  lease.is_granted = true;
  lease.attempt = std::move(attempt);
  leases_.Add(std::move(lease));
  return absl::OkStatus();
}

}  // namespace tpsweep::server
