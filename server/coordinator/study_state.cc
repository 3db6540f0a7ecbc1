#include "server/coordinator/study_state.h"

#include <algorithm>
#include <cmath>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/names.h"
#include "common/spec/objective_checks.h"
#include "common/spec/validate.h"

namespace tpsweep::server {
namespace {

// The data set that a run of `spec` loads; empty if it loads none.
std::string NeededDataset(const v1::TrainingSpec& spec) {
  return spec.epochs() == 0 ? "" : spec.dataset().name();
}

absl::string_view EventOfEnd(v1::TrialState state) {
  switch (state) {
    case v1::TRIAL_STATE_SUCCEEDED:
      return "trial.succeeded";
    case v1::TRIAL_STATE_INFEASIBLE:
      return "trial.infeasible";
    case v1::TRIAL_STATE_FAILED:
      return "trial.failed";
    default:
      return "trial.cancelled";
  }
}

v1::TrialState StateOf(const v1::RunCounts& ends) {
  if (ends.succeeded() > 0) return v1::TRIAL_STATE_SUCCEEDED;
  if (ends.infeasible() > 0) return v1::TRIAL_STATE_INFEASIBLE;
  if (ends.failed() > 0) return v1::TRIAL_STATE_FAILED;
  return v1::TRIAL_STATE_CANCELLED;
}

// The mean of each metric over the replicates that have it: not a number is no better
// than not measured.
void SetMeans(const std::map<int64_t, std::vector<double>>& measured, const v1::StudySpec& spec,
              v1::Trial& trial) {
  if (measured.empty()) return;
  std::vector<double> means;
  for (size_t i = 0; i < measured.begin()->second.size(); ++i) {
    double sum = 0;
    double count = 0;
    for (const auto& [replicate, values] : measured) {
      if (std::isnan(values[i])) continue;
      sum += values[i];
      ++count;
    }
    means.push_back(sum / count);  // 0 / 0: not a number
  }
  if (!std::isnan(means[0])) trial.set_objective(means[0]);
  const auto constraints = means.end() - spec.constraints_size();
  trial.mutable_further_objectives()->Add(means.begin() + 1, constraints);
  trial.mutable_constraints()->Add(constraints, means.end());
}

}  // namespace

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
      search_(record_.spec(), record_.imported()) {}

bool StudyState::is_exhausted() const {
  if (!next_.has_value()) next_ = search_.Propose();
  return !next_->has_value();
}

void StudyState::Start(const std::string& idempotency_key, Change& change) {
  record_.set_idempotency_key(idempotency_key);
  *record_.mutable_create_time() = ToProto(change.now);
  SetState(v1::STUDY_STATE_ACTIVE, "study.created", change);
}

void StudyState::Restore(v1::Trial trial, std::vector<v1::Run> runs) {
  if (trial.state() == v1::TRIAL_STATE_ACTIVE) {
    OpenTrial& open = open_trials_[trial.number()];
    const absl::StatusOr<v1::TrainingSpec> spec = spec::Configure(record_.spec(), trial, 0);
    if (spec.ok()) open.dataset = NeededDataset(*spec);
    for (v1::Run& run : runs) {
      const RunKey key{run.trial(), run.replicate()};
      if (IsEnd(run.state())) {
        NoteEnd(open, run);
        continue;
      }
      ++open.num_open;
      if (run.state() == v1::RUN_STATE_QUEUED) queued_[open.dataset].insert(key);
      open_runs_[key] = std::move(run);
    }
  }
  search_.Add(trial);
  if (trial.state() != v1::TRIAL_STATE_ACTIVE) search_.End(trial);
  trials_.push_back(std::move(trial));
  next_.reset();
}

void StudyState::CreateTrial(Change& change) {
  const auto number = static_cast<int64_t>(trials_.size());
  v1::Trial trial;
  trial.set_name(ToString(TrialName{record_.spec().study(), number}));
  trial.set_number(number);
  trial.set_state(v1::TRIAL_STATE_ACTIVE);
  for (v1::Assignment& assignment : (*next_)->configuration) {
    *trial.add_parameters() = std::move(assignment);
  }
  trial.set_source((*next_)->source);
  next_.reset();
  search_.Add(trial);
  trials_.push_back(trial);

  const absl::StatusOr<v1::TrainingSpec> spec = spec::Configure(record_.spec(), trial, 0);
  OpenTrial& open = open_trials_[number];
  if (spec.ok()) open.dataset = NeededDataset(*spec);
  const int64_t replicates = record_.spec().search().replicates();
  open.num_open = replicates;
  change.batch.trials.push_back(trial);
  *change.AddEvent("trial.created", trial.name(), trial.source()).mutable_trial() = trial;
  change.touched.insert(this);
  for (int64_t replicate = 0; replicate < replicates; ++replicate) {
    const RunKey key{number, replicate};
    v1::Run& run = open_runs_[key];
    run.set_name(ToString(RunName{record_.spec().study(), number, replicate}));
    run.set_trial(number);
    run.set_replicate(replicate);
    run.set_seed(spec::RunSeed(record_.spec().search().seed(), number, replicate));
    run.set_state(v1::RUN_STATE_QUEUED);
    AddRuns(*record_.mutable_runs(), v1::RUN_STATE_QUEUED, 1);
    queued_[open.dataset].insert(key);
    if (spec.ok()) change.batch.runs.push_back(run);
  }
  if (spec.ok()) return;
  for (int64_t replicate = 0; replicate < replicates; ++replicate) {
    v1::Run& run = open_runs_.at({number, replicate});
    run.set_message(std::string(spec.status().message()));
    Move(run, v1::RUN_STATE_FAILED, "run.failed", change);
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
  std::set<RunKey>& queue = queued_[trial.dataset];
  AddRuns(*record_.mutable_runs(), run.state(), -1);
  AddRuns(*record_.mutable_runs(), state, 1);
  run.set_state(state);
  if (state == v1::RUN_STATE_QUEUED) {
    queue.insert(key);
  } else {
    queue.erase(key);
    if (queue.empty()) queued_.erase(trial.dataset);
  }
  if (IsEnd(state)) *run.mutable_end_time() = ToProto(change.now);
  // Nobody will go on from there. (A run that failed may be tried again.)
  if (IsEnd(state) && state != v1::RUN_STATE_FAILED) DropCheckpoints(run, 0, change);
  change.touched.insert(this);
  change.batch.runs.push_back(run);
  *change.AddEvent(event, run.name(), run.message()).mutable_run() = run;
  if (!IsEnd(state)) return;
  NoteEnd(trial, run);
  open_runs_.erase(key);
  if (--trial.num_open == 0) EndTrial(key.trial, change);
}

void StudyState::NoteEnd(OpenTrial& trial, const v1::Run& run) {
  AddRuns(trial.ends, run.state(), 1);
  if (run.state() == v1::RUN_STATE_SUCCEEDED) trial.measured[run.replicate()] = ValuesOf(run);
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

void StudyState::EndTrial(int64_t number, Change& change) {
  const OpenTrial& ended = open_trials_.at(number);
  v1::Trial& trial = trials_[static_cast<size_t>(number)];
  trial.set_state(StateOf(ended.ends));
  SetMeans(ended.measured, record_.spec(), trial);
  open_trials_.erase(number);
  search_.End(trial);
  next_.reset();
  change.batch.trials.push_back(trial);
  *change.AddEvent(EventOfEnd(trial.state()), trial.name()).mutable_trial() = trial;
}

void StudyState::QueuePaused(Change& change) {
  std::vector<v1::Run*> paused;
  for (auto& [key, run] : open_runs_) {
    if (run.state() == v1::RUN_STATE_PAUSED) paused.push_back(&run);
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
  change.AddEvent("run.checkpoint_rejected", run.name(),
                  absl::StrCat("after epoch ", rejected->epoch(), ": ", reason));
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
