#include "server/coordinator/study_state.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/names.h"
#include "common/spec/field_path.h"
#include "common/spec/objective_checks.h"
#include "common/spec/validate.h"

namespace tpsweep::server {

bool IsEnd(v1::RunState state) {
  return state == v1::RUN_STATE_SUCCEEDED || state == v1::RUN_STATE_STOPPED ||
         state == v1::RUN_STATE_INFEASIBLE || state == v1::RUN_STATE_FAILED ||
         state == v1::RUN_STATE_CANCELLED;
}

void DropCheckpoints(v1::Run& run, int keep, Change& change) {
  const int surplus = std::max(run.checkpoints_size() - keep, 0);
  for (int i = 0; i < surplus; ++i) {
    change.garbage.push_back({*ParseRunName(run.name()), run.checkpoints(i).sha256()});
  }
  run.mutable_checkpoints()->DeleteSubrange(0, surplus);
}

bool IsEnd(v1::StudyState state) {
  return state == v1::STUDY_STATE_COMPLETED || state == v1::STUDY_STATE_CANCELLED;
}

void AddRuns(v1::RunCounts& counts, v1::RunState state, int64_t by) {
  switch (state) {
    case v1::RUN_STATE_QUEUED:
      return counts.set_queued(counts.queued() + by);
    case v1::RUN_STATE_RUNNING:
      return counts.set_running(counts.running() + by);
    case v1::RUN_STATE_PAUSED:
      return counts.set_paused(counts.paused() + by);
    case v1::RUN_STATE_SUCCEEDED:
      return counts.set_succeeded(counts.succeeded() + by);
    case v1::RUN_STATE_STOPPED:
      return counts.set_stopped(counts.stopped() + by);
    case v1::RUN_STATE_INFEASIBLE:
      return counts.set_infeasible(counts.infeasible() + by);
    case v1::RUN_STATE_FAILED:
      return counts.set_failed(counts.failed() + by);
    case v1::RUN_STATE_CANCELLED:
      return counts.set_cancelled(counts.cancelled() + by);
    default:
      return;
  }
}

StudyState::StudyState(v1::Study record)
    : record_(std::move(record)),
      metrics_(spec::MetricsOf(record_.spec())),
      arms_(MakeArms(record_)) {}

bool StudyState::is_exhausted() const {
  for (const Arm& arm : arms_) {
    if (arm.NextTrial()) return false;
  }
  return true;
}

void StudyState::Start(const std::string& idempotency_key, Change& change) {
  record_.set_idempotency_key(idempotency_key);
  *record_.mutable_create_time() = ToProto(change.now);
  SetState(v1::STUDY_STATE_ACTIVE, "study.created", change);
}

size_t StudyState::ArmFor(const v1::Trial& trial) const {
  for (const v1::Assignment& assignment : trial.parameters()) {
    if (assignment.path() != record_.spec().budget().per()) continue;
    const std::string value = spec::ToText(assignment.value());
    for (size_t i = 0; i < arms_.size(); ++i) {
      if (arms_[i].value() == value) return i;
    }
  }
  return 0;
}

void StudyState::Restore(v1::Trial trial, std::vector<v1::Run> runs) {
  arm_of_.push_back(ArmFor(trial));
  Arm& arm = arms_[arm_of_.back()];
  arm.Restore(trial, LastEpoch());
  trials_.push_back(std::move(trial));
  const v1::Trial& kept = trials_.back();
  if (kept.state() != v1::TRIAL_STATE_ACTIVE) {
    if (CanBeExtended(kept)) best_.insert(PlaceOf(kept));
    return arm.End(kept);
  }

  OpenTrial& open = open_trials_[kept.number()];
  for (v1::Run& run : runs) {
    const RunKey key{run.trial(), run.replicate()};
    if (IsEnd(run.state())) {
      NoteEnd(open, run);
      continue;
    }
    ++open.num_open;
    if (run.state() == v1::RUN_STATE_PAUSED && IsAtStop(run)) {
      ++open.num_waiting;
      open.measured[run.replicate()] = ValuesOf(run);
    } else {
      ++arm.num_working;
    }
    if (run.state() == v1::RUN_STATE_QUEUED) queued_[DatasetOf(kept.number())].insert(key);
    open_runs_[key] = std::move(run);
  }
}

std::optional<RunKey> StudyState::NextQueued(
    const std::function<bool(const std::string&)>& has) const {
  std::optional<RunKey> first;
  for (const auto& [dataset, keys] : queued_) {
    if (keys.empty() || (first && *first < *keys.begin())) continue;
    if (dataset.empty() || has(dataset)) first = *keys.begin();
  }
  return first;
}

absl::StatusOr<v1::TrainingSpec> StudyState::Configure(RunKey key) const {
  return spec::Configure(record_.spec(), trial(key.trial), key.replicate);
}

int64_t StudyState::PauseAfter(int64_t number) const {
  const v1::Trial& one = trial(number);
  return one.extended_to() == 0 && one.epochs() < LastEpoch() ? one.epochs() : 0;
}

const std::string& StudyState::DatasetOf(int64_t number) {
  OpenTrial& open = open_trials_.at(number);
  if (!open.dataset) open.dataset = NeededDataset(Configure({number, 0}));
  return *open.dataset;
}

std::string StudyState::NeededDataset(const absl::StatusOr<v1::TrainingSpec>& spec) {
  return spec.ok() && spec->epochs() > 0 ? spec->dataset().name() : "";
}

std::vector<std::string> StudyState::NeededDatasets() const {
  std::vector<std::string> needed;
  for (const auto& [dataset, keys] : queued_) {
    if (!dataset.empty() && !keys.empty()) needed.push_back(dataset);
  }
  return needed;
}

size_t StudyState::num_queued() const {
  size_t total = 0;
  for (const auto& [dataset, keys] : queued_) total += keys.size();
  return total;
}

v1::Run* StudyState::FindOpen(RunKey key) {
  const auto found = open_runs_.find(key);
  return found == open_runs_.end() ? nullptr : &found->second;
}

void StudyState::Move(v1::Run& run, v1::RunState state, absl::string_view event, Change& change) {
  const RunKey key{run.trial(), run.replicate()};
  OpenTrial& trial = open_trials_.at(key.trial);
  AddRuns(*record_.mutable_runs(), run.state(), -1);
  AddRuns(*record_.mutable_runs(), state, 1);
  const bool was_waiting = run.state() == v1::RUN_STATE_PAUSED && IsAtStop(run);
  if (run.state() == v1::RUN_STATE_QUEUED) {
    const auto queue = queued_.find(DatasetOf(key.trial));
    queue->second.erase(key);
    if (queue->second.empty()) queued_.erase(queue);
  }
  run.set_state(state);
  if (state == v1::RUN_STATE_QUEUED) queued_[DatasetOf(key.trial)].insert(key);
  if (IsEnd(state)) *run.mutable_end_time() = ToProto(change.now);
  // Nobody will go on from there, unless it is tried again or its trial is extended.
  const bool is_of_use =
      state == v1::RUN_STATE_FAILED ||
      (KeepsBest() && (state == v1::RUN_STATE_SUCCEEDED || state == v1::RUN_STATE_STOPPED));
  if (IsEnd(state)) DropCheckpoints(run, is_of_use ? 1 : 0, change);
  change.touched.insert(this);
  change.batch.runs.push_back(run);
  *change.AddEvent(event, run.name(), run.message()).mutable_run() = run;
  if (!IsEnd(state)) return;
  NoteEnd(trial, run);
  if (!run.checkpoints().empty()) kept_[key] = run;
  if (was_waiting) {
    --trial.num_waiting;
  } else {
    --ArmOf(key.trial).num_working;
  }
  open_runs_.erase(key);
  --trial.num_open;
  // A waiting run ends only with all others of its trial.
  const bool is_gathered = was_waiting ? trial.num_open == 0 : trial.num_open == trial.num_waiting;
  if (is_gathered) Gathered(key.trial, change);
}

void StudyState::Pause(v1::Run& run, Change& change) {
  if (!IsAtStop(run)) {
    if (record_.state() == v1::STUDY_STATE_PAUSED) {
      return Move(run, v1::RUN_STATE_PAUSED, "run.paused", change);
    }
    return Move(run, v1::RUN_STATE_QUEUED, "run.queued", change);  // resumed meanwhile
  }
  DropCheckpoints(run, 1, change);
  run.set_message(absl::StrCat("waits after epoch ", run.latest().epoch()));
  const int64_t number = run.trial();
  OpenTrial& trial = open_trials_.at(number);
  trial.measured[run.replicate()] = ValuesOf(run);
  Move(run, v1::RUN_STATE_PAUSED, "run.paused", change);
  --ArmOf(number).num_working;
  if (++trial.num_waiting == trial.num_open) Gathered(number, change);
}

bool StudyState::IsAtStop(const v1::Run& run) const {
  const int64_t stop = PauseAfter(run.trial());
  return stop > 0 && run.latest().epoch() >= stop;
}

void StudyState::NoteEnd(OpenTrial& trial, const v1::Run& run) {
  AddRuns(trial.ends, run.state(), 1);
  if (run.state() == v1::RUN_STATE_SUCCEEDED || run.state() == v1::RUN_STATE_STOPPED) {
    trial.measured[run.replicate()] = ValuesOf(run);
  } else {
    trial.measured.erase(run.replicate());
  }
}

std::vector<double> StudyState::ValuesOf(const v1::Run& run) const {
  std::vector<double> values;
  for (const std::string& metric : metrics_) {
    const auto& measured = spec::ParseEntry(metric) ? run.entries() : run.latest().scalars();
    const auto found = measured.find(metric);
    values.push_back(found == measured.end() ? NAN : found->second);
  }
  return values;
}

std::string StudyState::Unmeasured(const v1::Run& run) const {
  for (const std::string& metric : metrics_) {
    const bool is_entry = spec::ParseEntry(metric).has_value();
    if (is_entry ? run.entries().contains(metric) : run.latest().scalars().contains(metric)) {
      continue;
    }
    std::set<std::string> names;
    for (const auto& [name, value] : run.latest().scalars()) names.insert(name);
    return absl::StrCat(
        "'", metric, "' was not measured, so that the trial cannot be ranked by it; ",
        names.empty() ? "nothing was" : absl::StrCat("there are ", absl::StrJoin(names, ", ")));
  }
  return "";
}

void StudyState::Measure(v1::Run& run, const v1::Measurement& measurement) const {
  // Measurements within an epoch have vectors only: they are no result.
  const bool is_result = !measurement.scalars().empty();
  if (is_result || run.latest().scalars().empty()) *run.mutable_latest() = measurement;
  for (const std::string& metric : metrics_) {
    const auto entry = spec::ParseEntry(metric);
    if (!entry) continue;
    const auto vector = measurement.vectors().find(entry->vector);
    if (vector == measurement.vectors().end()) continue;
    const bool has_layer = entry->layer <= vector->second.values_size();
    (*run.mutable_entries())[metric] = has_layer ? vector->second.values(entry->layer - 1) : NAN;
  }
}

void StudyState::QueuePaused(Change& change) {
  std::vector<v1::Run*> paused;
  for (auto& [key, run] : open_runs_) {
    if (run.state() == v1::RUN_STATE_PAUSED && !IsAtStop(run)) paused.push_back(&run);
  }
  for (v1::Run* run : paused) Move(*run, v1::RUN_STATE_QUEUED, "run.queued", change);
}

void StudyState::RejectCheckpoint(v1::Run& run, const std::string& sha256,
                                  const std::string& reason, Change& change) {
  auto& kept = *run.mutable_checkpoints();
  const auto rejected = std::find_if(kept.begin(), kept.end(), [&](const auto& checkpoint) {
    return checkpoint.sha256() == sha256;
  });
  if (rejected == kept.end()) return;
  const bool is_first = rejected->attempt() == 0;
  change.AddEvent("run.checkpoint_rejected", run.name(),
                  absl::StrCat("after epoch ", rejected->epoch(), ": ", reason,
                               is_first ? "; it was that of the trial's parent, and without it the "
                                          "run is trained from its beginning"
                                        : ""));
  change.garbage.push_back({*ParseRunName(run.name()), sha256});
  kept.erase(rejected);
  Touch(run, change);
}

int64_t StudyState::DropSpareCheckpoints(int64_t bytes, Change& change) {
  int64_t freed = 0;
  for (auto& [key, run] : open_runs_) {
    if (freed >= bytes) break;
    if (run.checkpoints_size() < 2) continue;
    freed += run.checkpoints(0).bytes();
    DropCheckpoints(run, 1, change);
    Touch(run, change);
  }
  return freed;
}

void StudyState::Cancel(Change& change) {
  while (!open_runs_.empty()) {
    Move(open_runs_.begin()->second, v1::RUN_STATE_CANCELLED, "run.cancelled", change);
  }
  SetState(v1::STUDY_STATE_CANCELLED, "study.cancelled", change);
}

void StudyState::SetState(v1::StudyState state, absl::string_view event, Change& change) {
  record_.set_state(state);
  if (IsEnd(state)) *record_.mutable_end_time() = ToProto(change.now);
  change.touched.insert(this);
  *change.AddEvent(event, record_.name()).mutable_study() = record_;
}

}  // namespace tpsweep::server
