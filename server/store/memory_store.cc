#include "server/store/memory_store.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "common/names.h"
#include "common/status_macros.h"
#include "server/store/commit_check.h"
#include "server/store/store_rules.h"

namespace tpsweep::server {

class MemoryStore::Names final : public StoredNames {
 public:
  explicit Names(const State& state) : state_(state) {}

  bool Has(const StudyName& name) const override { return state_.Find(name.study) != nullptr; }
  bool Has(const TrialName& name) const override {
    const StudyData* study = state_.Find(name.study);
    return study != nullptr && study->trials.contains({name.trial});
  }
  bool Has(const RunName& name) const override {
    const StudyData* study = state_.Find(name.study);
    return study != nullptr && study->runs.contains({name.trial, name.replicate});
  }
  bool Has(const AttemptName& name) const override {
    const StudyData* study = state_.Find(name.study);
    return study != nullptr && study->attempts.contains({name.trial, name.replicate, name.attempt});
  }

 private:
  const State& state_;
};

absl::Status MemoryStore::Commit(absl::Span<const WriteBatch> batches) {
  MutexLock lock(mu_);
  const Names stored(state_);
  CommitCheck check(stored, state_.last_revision);
  for (const WriteBatch& batch : batches) TP_RETURN_IF_ERROR(check.Check(batch));
  for (const WriteBatch& batch : batches) state_.Apply(batch);
  return absl::OkStatus();
}

void MemoryStore::State::Apply(const WriteBatch& batch) {
  for (const std::string& name : batch.deleted_studies) Delete(ParseStudyName(name)->study);
  for (const v1::Study& record : batch.studies) {
    const auto [entry, is_new] =
        order.try_emplace(ParseStudyName(record.name())->study, last_order + 1);
    if (is_new) ++last_order;
    studies[{entry->second}].record = record;
  }
  for (const v1::Trial& record : batch.trials) {
    const TrialName name = *ParseTrialName(record.name());
    Of(name.study).trials[{name.trial}] = record;
  }
  for (const v1::Run& record : batch.runs) {
    const RunName name = *ParseRunName(record.name());
    Of(name.study).runs[{name.trial, name.replicate}] = record;
  }
  for (const v1::Attempt& record : batch.attempts) {
    const AttemptName name = *ParseAttemptName(record.name());
    Of(name.study).attempts[{name.trial, name.replicate, name.attempt}] = record;
  }
  for (const v1::MeasurementRecord& record : batch.measurements) {
    const AttemptName name = *ParseAttemptName(record.attempt());
    Of(name.study)
        .measurements.try_emplace(
            {name.trial, name.replicate, name.attempt, record.measurement().sequence()},
            record.measurement());
  }
  for (const Thinning& thinning : batch.thinnings) {
    const AttemptName name = *ParseAttemptName(thinning.attempt);
    if (Find(name.study) == nullptr) continue;
    for (const int64_t sequence : thinning.sequences) {
      Of(name.study).measurements.erase({name.trial, name.replicate, name.attempt, sequence});
    }
  }
  for (const v1::Event& event : batch.events) {
    events[event.revision()] = {StudyOfEvent(event), event};
    last_revision = event.revision();
  }
}

void MemoryStore::State::Delete(absl::string_view study) {
  const auto entry = order.find(study);
  if (entry != order.end()) {
    studies.erase({entry->second});
    order.erase(entry);
  }
  std::erase_if(events, [&](const auto& event) { return event.second.study == study; });
}

MemoryStore::StudyData& MemoryStore::State::Of(const std::string& study) {
  return studies.at({order.at(study)});
}

const MemoryStore::StudyData* MemoryStore::State::Find(absl::string_view study) const {
  const auto entry = order.find(study);
  return entry == order.end() ? nullptr : &studies.at({entry->second});
}

absl::StatusOr<const MemoryStore::StudyData*> MemoryStore::State::FindParent(
    const ResourceName& parent) const {
  const StudyData* study = Find(parent.study);
  if (study == nullptr) return NoSuch(StudyName{parent.study});
  if (parent.trial && parent.replicate) {
    if (!study->runs.contains({*parent.trial, *parent.replicate})) {
      return NoSuch(RunName{parent.study, *parent.trial, *parent.replicate});
    }
  } else if (parent.trial && !study->trials.contains({*parent.trial})) {
    return NoSuch(TrialName{parent.study, *parent.trial});
  }
  return study;
}

absl::StatusOr<v1::Study> MemoryStore::GetStudy(absl::string_view name) const {
  TP_ASSIGN_OR_RETURN(const StudyName study, ParseStudyName(name));
  MutexLock lock(mu_);
  const StudyData* found = state_.Find(study.study);
  if (found == nullptr) return NoSuch(study);
  return found->record;
}

absl::StatusOr<v1::Run> MemoryStore::GetRun(absl::string_view name) const {
  TP_ASSIGN_OR_RETURN(const RunName run, ParseRunName(name));
  MutexLock lock(mu_);
  const StudyData* study = state_.Find(run.study);
  if (study == nullptr) return NoSuch(run);
  const auto found = study->runs.find({run.trial, run.replicate});
  if (found == study->runs.end()) return NoSuch(run);
  return found->second;
}

absl::StatusOr<Page<v1::Study>> MemoryStore::ListStudies(const StudyFilter& filter,
                                                         const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<1> query, PlanList(filter, page));
  const std::string prefix = "studies/" + filter.name_prefix;
  MutexLock lock(mu_);
  PageBuilder<v1::Study, 1> builder(page, query.list);
  for (auto it = state_.studies.upper_bound(query.after); it != state_.studies.end(); ++it) {
    const v1::Study& record = it->second.record;
    if (!Selects(query.states, record.state()) || !record.name().starts_with(prefix)) continue;
    if (!builder.Add(it->first, record)) break;
  }
  return std::move(builder).Build();
}

absl::StatusOr<Page<v1::Trial>> MemoryStore::ListTrials(const TrialFilter& filter,
                                                        const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<1> query, PlanList(filter, page));
  MutexLock lock(mu_);
  TP_ASSIGN_OR_RETURN(const StudyData* study, state_.FindParent(query.parent));
  PageBuilder<v1::Trial, 1> builder(page, query.list);
  for (auto it = study->trials.upper_bound(query.after); it != study->trials.end(); ++it) {
    if (!Selects(query.states, it->second.state())) continue;
    if (!builder.Add(it->first, it->second)) break;
  }
  return std::move(builder).Build();
}

absl::StatusOr<Page<v1::Run>> MemoryStore::ListRuns(const RunFilter& filter,
                                                    const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<2> query, PlanList(filter, page));
  MutexLock lock(mu_);
  TP_ASSIGN_OR_RETURN(const StudyData* study, state_.FindParent(query.parent));
  PageBuilder<v1::Run, 2> builder(page, query.list);
  const auto end = study->runs.upper_bound(query.last);
  for (auto it = study->runs.upper_bound(query.after); it != end; ++it) {
    if (!Selects(query.states, it->second.state())) continue;
    if (!builder.Add(it->first, it->second)) break;
  }
  return std::move(builder).Build();
}

bool MemoryStore::StudyData::Counts(const Key<4>& measurement) const {
  const auto& [trial, replicate, attempt, sequence] = measurement;
  const auto end = attempts.lower_bound({trial, replicate + 1, 0});
  for (auto later = attempts.upper_bound({trial, replicate, attempt}); later != end; ++later) {
    if (later->second.start_sequence() < sequence) return false;
  }
  return true;
}

absl::StatusOr<Page<v1::MeasurementRecord>> MemoryStore::ListMeasurements(
    const MeasurementFilter& filter, const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<4> query, PlanList(filter, page));
  MutexLock lock(mu_);
  TP_ASSIGN_OR_RETURN(const StudyData* study, state_.FindParent(query.parent));
  PageBuilder<v1::MeasurementRecord, 4> builder(page, query.list);
  const auto end = study->measurements.upper_bound(query.last);
  for (auto it = study->measurements.upper_bound(query.after); it != end; ++it) {
    const auto& [trial, replicate, attempt, sequence] = it->first;
    if (!filter.all_attempts && !study->Counts(it->first)) continue;
    v1::MeasurementRecord record;
    record.set_attempt(ToString(AttemptName{query.parent.study, trial, replicate, attempt}));
    *record.mutable_measurement() = it->second;
    if (!builder.Add(it->first, std::move(record))) break;
  }
  return std::move(builder).Build();
}

absl::StatusOr<std::vector<v1::Attempt>> MemoryStore::OpenAttempts() const {
  MutexLock lock(mu_);
  std::vector<v1::Attempt> open;
  for (const auto& [order, study] : state_.studies) {
    for (const auto& [key, attempt] : study.attempts) {
      if (attempt.outcome() == v1::ATTEMPT_OUTCOME_UNSPECIFIED) open.push_back(attempt);
    }
  }
  return open;
}

absl::StatusOr<int64_t> MemoryStore::LastSequence(absl::string_view attempt) const {
  TP_ASSIGN_OR_RETURN(const AttemptName name, ParseAttemptName(attempt));
  MutexLock lock(mu_);
  const StudyData* study = state_.Find(name.study);
  if (study == nullptr) return 0;
  const Key<3> key = {name.trial, name.replicate, name.attempt};
  const auto above = study->measurements.lower_bound({key[0], key[1], key[2] + 1, 0});
  if (above == study->measurements.begin()) return 0;
  const Key<4>& last = std::prev(above)->first;
  return Key<3>{last[0], last[1], last[2]} == key ? last[3] : 0;
}

absl::StatusOr<std::vector<v1::Trial>> MemoryStore::BestTrials(absl::string_view study,
                                                               v1::Goal goal, int count) const {
  TP_ASSIGN_OR_RETURN(const StudyName name, ParseStudyName(study));
  MutexLock lock(mu_);
  const StudyData* found = state_.Find(name.study);
  if (found == nullptr) return NoSuch(name);
  std::vector<const v1::Trial*> best;
  for (const auto& [key, trial] : found->trials) {
    if (trial.state() == v1::TRIAL_STATE_SUCCEEDED) best.push_back(&trial);
  }
  const double sign = goal == v1::GOAL_MAXIMIZE ? -1 : 1;
  const auto rank = [sign](const v1::Trial* trial) {
    const bool has_value = trial->has_objective() && !std::isnan(trial->objective());
    return std::make_pair(!has_value, has_value ? sign * trial->objective() : 0);
  };
  std::stable_sort(best.begin(), best.end(),
                   [&](const auto* a, const auto* b) { return rank(a) < rank(b); });
  std::vector<v1::Trial> result;
  for (const v1::Trial* trial : best) {
    if (static_cast<int>(result.size()) >= count) break;
    result.push_back(*trial);
  }
  return result;
}

absl::StatusOr<std::vector<v1::Event>> MemoryStore::ListEvents(absl::string_view study,
                                                               int64_t after_revision,
                                                               int limit) const {
  std::string only;
  if (!study.empty()) {
    TP_ASSIGN_OR_RETURN(StudyName name, ParseStudyName(study));
    only = std::move(name.study);
  }
  MutexLock lock(mu_);
  std::vector<v1::Event> events;
  for (auto it = state_.events.upper_bound(after_revision); it != state_.events.end(); ++it) {
    if (static_cast<int>(events.size()) >= limit) break;
    if (only.empty() || it->second.study == only) events.push_back(it->second.record);
  }
  return events;
}

absl::StatusOr<int64_t> MemoryStore::LastRevision() const {
  MutexLock lock(mu_);
  return state_.last_revision;
}

}  // namespace tpsweep::server
