// More work for studies: retries, extensions, larger budgets; also for those that have
// completed, and so are no longer in memory.
//
// What has ended is read from the store, without the lock; it cannot change meanwhile,
// because only an edit changes what has ended, and a study has one edit at a time.
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/names.h"
#include "common/spec/arms.h"
#include "common/spec/validate.h"
#include "common/status_macros.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/read_all.h"

namespace tpsweep::server {
namespace {

// The runs of each trial.
std::map<int64_t, std::vector<v1::Run>> ByTrial(std::vector<v1::Run> runs) {
  std::map<int64_t, std::vector<v1::Run>> trials;
  for (v1::Run& run : runs) trials[run.trial()].push_back(std::move(run));
  return trials;
}

// A trial that ended after its runs were read, and so with a run that was still open then,
// is not known well enough.
absl::Status CheckWhole(const v1::Trial& trial, size_t num_ended) {
  if (trial.state() == v1::TRIAL_STATE_ACTIVE ||
      num_ended == static_cast<size_t>(trial.replicates())) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat(trial.name(), " has just ended; try again"));
}

// Trained from its beginning, a trial that goes on from another would be no longer what it is:
// others of its line had other parameters. So it needs its state.
absl::Status CheckState(const v1::Trial& trial, const std::vector<v1::Run>& ended) {
  if (!trial.has_fork()) return absl::OkStatus();
  for (const v1::Run& run : ended) {
    const bool goes_on =
        run.state() == v1::RUN_STATE_SUCCEEDED || run.state() == v1::RUN_STATE_STOPPED;
    if (!goes_on || !run.checkpoints().empty()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(trial.name(), " began from trial ", trial.fork().parent(),
                     " and cannot be trained again from the beginning, and the state of ",
                     run.name(), " was not kept (checkpoints.keep_best)"));
  }
  return absl::OkStatus();
}

// `limit` may not become less than `before`; 0 is no limit.
template <class Number>
absl::Status CheckMore(absl::string_view field, Number before, Number limit) {
  if (limit == 0 || (before != 0 && limit >= before)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      before == 0
          ? absl::StrCat(field, ": ", limit, " would be a limit, and the study has none")
          : absl::StrCat(field, ": ", limit, " is less than the ", before, " that the study has"));
}

absl::Status SetTrials(int64_t trials, v1::Search& search) {
  if (search.scheduler().has_pbt()) {
    return absl::InvalidArgumentError(
        "trials: the sampler has chosen the population of the scheduler pbt; there are no more");
  }
  v1::Sampler& sampler = *search.mutable_sampler();
  const auto* chosen = sampler.GetReflection()->GetOneofFieldDescriptor(
      sampler, v1::Sampler::descriptor()->FindOneofByName("sampler"));
  google::protobuf::Message& message = *sampler.GetReflection()->MutableMessage(&sampler, chosen);
  const auto* field = message.GetDescriptor()->FindFieldByName("trials");
  if (field == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "trials: the sampler ", chosen->name(), " tries every configuration; there are no more"));
  }
  const int64_t before = message.GetReflection()->GetInt64(message, field);
  if (trials < before) {
    return absl::InvalidArgumentError(
        absl::StrCat("trials: ", trials, " is less than the ", before, " that the study has"));
  }
  message.GetReflection()->SetInt64(&message, field, trials);
  return absl::OkStatus();
}

absl::StatusOr<v1::StudySpec> Extended(const v1::StudySpec& spec,
                                       const v1::ExtendStudyRequest& request) {
  v1::StudySpec more = spec;
  if (request.has_budget()) {
    const v1::Budget& before = spec.budget();
    v1::Budget& budget = *more.mutable_budget();
    budget.MergeFrom(request.budget());
    if (budget.per() != before.per()) {
      return absl::InvalidArgumentError("budget.per: cannot be changed");
    }
    TP_RETURN_IF_ERROR(CheckMore("budget.trials", before.trials(), budget.trials()));
    TP_RETURN_IF_ERROR(CheckMore("budget.epochs", before.epochs(), budget.epochs()));
    TP_RETURN_IF_ERROR(
        CheckMore("budget.core_seconds", before.core_seconds(), budget.core_seconds()));
    TP_RETURN_IF_ERROR(
        CheckMore("budget.wall_seconds", before.wall_seconds(), budget.wall_seconds()));
  }
  if (request.trials() < 0) {
    return absl::InvalidArgumentError(absl::StrCat("trials: ", request.trials(), " is below 0"));
  }
  if (request.trials() > 0) {
    TP_RETURN_IF_ERROR(SetTrials(request.trials(), *more.mutable_search()));
  }
  TP_RETURN_IF_ERROR(spec::Complete(more));
  return more;
}

}  // namespace

void Coordinator::ExtendStudy(const v1::ExtendStudyRequest& request, StudyAnswer done) {
  const absl::StatusOr<StudyName> name = ParseStudyName(request.name());
  if (!name.ok()) return done(name.status());
  EditStudy(
      name->study, "",
      [request](StudyState& study, std::vector<v1::Run>, Change&) -> absl::Status {
        TP_ASSIGN_OR_RETURN(const v1::StudySpec more, Extended(study.record().spec(), request));
        study.SetSpec(more, spec::ExpectedRuns(more));
        return absl::OkStatus();
      },
      std::move(done));
}

void Coordinator::ExtendTrial(const v1::ExtendTrialRequest& request, StudyAnswer done) {
  const absl::StatusOr<TrialName> name = ParseTrialName(request.name());
  if (!name.ok()) return done(name.status());
  EditStudy(
      name->study, request.name(),
      [name = *name, request](StudyState& study, std::vector<v1::Run> ended,
                              Change& change) -> absl::Status {
        if (name.trial >= study.num_trials()) {
          return absl::NotFoundError(absl::StrCat("there is no ", request.name()));
        }
        const v1::Trial& trial = study.trial(name.trial);
        const bool has_ended_well =
            trial.state() == v1::TRIAL_STATE_SUCCEEDED || trial.state() == v1::TRIAL_STATE_STOPPED;
        if (!has_ended_well) {
          return absl::FailedPreconditionError(
              absl::StrCat(request.name(), " is ", v1::TrialState_Name(trial.state()).substr(12),
                           "; only a trial that has SUCCEEDED or was STOPPED can be extended"));
        }
        constexpr int64_t kMostEpochs = 1'000'000;
        if (request.epochs() <= trial.epochs() || request.epochs() > kMostEpochs) {
          return absl::InvalidArgumentError(
              absl::StrCat("epochs: ", request.epochs(), " is not above the ", trial.epochs(),
                           " that the trial has, and at most ", kMostEpochs));
        }
        TP_RETURN_IF_ERROR(CheckWhole(trial, ended.size()));
        TP_RETURN_IF_ERROR(CheckState(trial, ended));
        study.Extend(name.trial, request.epochs(), std::move(ended), change);
        return absl::OkStatus();
      },
      std::move(done));
}

void Coordinator::RetryRuns(const v1::RetryRunsRequest& request, StudyAnswer done) {
  const absl::StatusOr<ResourceName> name = ParseResourceName(request.name());
  if (!name.ok()) return done(name.status());
  if (name->attempt) {
    return done(absl::InvalidArgumentError(
        absl::StrCat("name: ", request.name(), " is an attempt; a study, a trial or a run")));
  }
  // All runs of the trial are needed to open it again.
  const std::string parent =
      name->trial ? ToString(TrialName{name->study, *name->trial}) : request.name();
  EditStudy(
      name->study, parent,
      [name = *name](StudyState& study, std::vector<v1::Run> ended,
                     Change& change) -> absl::Status {
        const auto again = [&](const v1::Run& run) {
          return run.state() == v1::RUN_STATE_FAILED &&
                 (!name.replicate || run.replicate() == *name.replicate);
        };
        std::map<int64_t, std::vector<v1::Run>> trials = ByTrial(std::move(ended));
        std::erase_if(trials, [&](const auto& entry) {
          return std::none_of(entry.second.begin(), entry.second.end(), again);
        });
        if (trials.empty()) {
          return absl::FailedPreconditionError("no run has failed: nothing to try again");
        }
        // All or nothing.
        for (const auto& [trial, runs] : trials) {
          TP_RETURN_IF_ERROR(CheckWhole(study.trial(trial), runs.size()));
        }
        for (auto& [trial, runs] : trials) study.Reopen(trial, std::move(runs), again, change);
        return absl::OkStatus();
      },
      std::move(done));
}

void Coordinator::EditStudy(const std::string& name, const std::string& parent, Edit edit,
                            StudyAnswer done) {
  {
    MutexLock lock(mu_);
    if (const absl::Status writable = CheckWritable(); !writable.ok()) return done(writable);
    const auto entry = index_.find(name);
    if (entry == index_.end()) return done(NoSuchStudy(name));
    if (entry->second.state == v1::STUDY_STATE_CANCELLED) {
      return done(absl::FailedPreconditionError(absl::StrCat("study '", name, "' is cancelled")));
    }
    if (!being_edited_.insert(name).second) {
      return done(absl::UnavailableError(
          absl::StrCat("study '", name, "' is being changed by somebody else; try again")));
    }
  }
  // Everything that has ended by now is to be seen in the store.
  writer_.WhenDurable(
      writer_.last_ticket(),
      [this, name, parent, edit = std::move(edit),
       done = std::move(done)](const absl::Status& durable) mutable {
        const absl::StatusOr<Written> written =
            durable.ok() ? ApplyEdit(name, parent, edit) : absl::StatusOr<Written>(durable);
        {
          MutexLock lock(mu_);
          being_edited_.erase(name);
        }
        if (!written.ok()) return done(written.status());
        writer_.WhenDurable(
            written->ticket,
            [this, study = written->study,
             done = std::move(done)](const absl::Status& stored) mutable {
              if (!stored.ok()) return done(stored);
              study->set_waiting_reason(WaitingReason(*study));
              done(*std::move(study));
            },
            options_.answer_limit);
      },
      options_.answer_limit);
}

absl::StatusOr<Coordinator::Written> Coordinator::ApplyEdit(const std::string& name,
                                                            const std::string& parent,
                                                            const Edit& edit) {
  std::vector<v1::Run> ended;
  if (!parent.empty()) {
    TP_ASSIGN_OR_RETURN(ended, RunsOf(store_, parent));
    std::erase_if(ended, [](const v1::Run& run) { return !IsEnd(run.state()); });
  }
  TP_ASSIGN_OR_RETURN(v1::Study record, store_.GetStudy(ToString(StudyName{name})));
  std::unique_ptr<StudyState> loaded;
  if (IsEnd(record.state())) {
    TP_ASSIGN_OR_RETURN(loaded, LoadStudy(std::move(record)));
  }
  MutexLock lock(mu_);
  TP_RETURN_IF_ERROR(CheckWritable());
  const auto entry = index_.find(name);
  if (entry == index_.end()) return NoSuchStudy(name);
  StudyState* study = FindStudy(name);
  if (study == nullptr && loaded == nullptr) {
    return absl::UnavailableError(absl::StrCat("study '", name, "' has just ended; try again"));
  }
  Change change(clock_.WallNow());
  StudyState& edited = study != nullptr ? *study : *loaded;
  TP_RETURN_IF_ERROR(edit(edited, std::move(ended), change));
  if (study == nullptr) {
    edited.Open();
    studies_[entry->second.number] = std::move(loaded);
  }
  if (edited.record().state() != v1::STUDY_STATE_PAUSED) {
    edited.SetState(v1::STUDY_STATE_ACTIVE, "study.extended", change);
  } else {
    change.touched.insert(&edited);
  }
  entry->second.state = edited.record().state();
  Log(LogLevel::kInfo, "study.extended", {{"study", name}});
  v1::Study answer = edited.record();
  Schedule(change);
  return Written{Publish(std::move(change)), std::move(answer)};
}

std::string Coordinator::Explain(const TrialName& trial) const {
  MutexLock lock(mu_);
  const auto entry = index_.find(trial.study);
  if (entry == index_.end()) return "";
  const auto found = studies_.find(entry->second.number);
  if (found == studies_.end() || trial.trial >= found->second->num_trials()) return "";
  return found->second->Explain(trial.trial);
}

}  // namespace tpsweep::server
