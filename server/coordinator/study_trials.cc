// The course of trials: begun, gathered at rungs, promoted, stopped, ended, opened again.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/names.h"
#include "common/spec/validate.h"
#include "common/statistics/t_tests.h"
#include "server/coordinator/study_state.h"

namespace tpsweep::server {
namespace {

absl::string_view EventOfEnd(v1::TrialState state) {
  switch (state) {
    case v1::TRIAL_STATE_SUCCEEDED:
      return "trial.succeeded";
    case v1::TRIAL_STATE_INFEASIBLE:
      return "trial.infeasible";
    case v1::TRIAL_STATE_FAILED:
      return "trial.failed";
    case v1::TRIAL_STATE_STOPPED:
      return "trial.stopped";
    default:
      return "trial.cancelled";
  }
}

v1::TrialState StateOf(const v1::RunCounts& ends) {
  if (ends.succeeded() > 0) return v1::TRIAL_STATE_SUCCEEDED;
  if (ends.stopped() > 0) return v1::TRIAL_STATE_STOPPED;
  if (ends.infeasible() > 0) return v1::TRIAL_STATE_INFEASIBLE;
  if (ends.failed() > 0) return v1::TRIAL_STATE_FAILED;
  return v1::TRIAL_STATE_CANCELLED;
}

// The mean of each metric over the replicates that have it: not a number is no better
// than not measured.
std::vector<double> MeansOf(const std::map<int64_t, std::vector<double>>& measured) {
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
  return means;
}

// What chose it, and where it begins if that is not the beginning.
std::string OriginOf(const v1::Trial& trial) {
  if (!trial.has_fork()) return trial.source();
  return absl::StrCat(trial.source(), ", from trial ", trial.fork().parent(), " after epoch ",
                      trial.fork().epoch(), ", in place of trial ", trial.fork().replaces());
}

}  // namespace

StudyState::Fresh StudyState::QueueMore(Change& change) {
  // Those whose arms have got least come first, so that all values of budget.per are
  // compared at all times, not one after the other.
  std::vector<size_t> order(arms_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [this](size_t a, size_t b) {
    return std::pair(arms_[a].epochs_paid(), arms_[a].num_trials()) <
           std::pair(arms_[b].epochs_paid(), arms_[b].num_trials());
  });
  for (const size_t i : order) {
    if (ForkIn(i, change)) return Fresh::kCreated;
    if (GoOnIn(arms_[i], change)) return Fresh::kAdvanced;
    if (arms_[i].NextTrial()) {
      CreateTrial(i, *arms_[i].NextTrial(), std::nullopt, change);
      return Fresh::kCreated;
    }
    // That no trial comes any more may be what the scheduler has waited for.
    Settle(arms_[i], change);
    if (ForkIn(i, change)) return Fresh::kCreated;
    if (GoOnIn(arms_[i], change)) return Fresh::kAdvanced;
  }
  return Fresh::kNothing;
}

std::optional<Scheduler::Advance> StudyState::NextAdvance(const Arm& arm) const {
  const std::optional<Scheduler::Advance> next = arm.NextAdvance();
  if (!next) return std::nullopt;
  const v1::Trial& trial = trials_[static_cast<size_t>(next->trial)];
  const OpenTrial& open = open_trials_.at(next->trial);
  const int64_t cost = (next->epochs - trial.epochs()) * open.num_open;
  return IsGathered(next->trial) && arm.CanPay(cost) ? next : std::nullopt;
}

bool StudyState::GoOnIn(Arm& arm, Change& change) {
  const std::optional<Scheduler::Advance> next = NextAdvance(arm);
  if (!next) return false;
  v1::Trial& trial = TrialAt(next->trial);
  OpenTrial& open = open_trials_.at(next->trial);
  arm.Pay((next->epochs - trial.epochs()) * open.num_open);
  arm.GoOn(trial, next->epochs);
  trial.set_epochs(next->epochs);
  change.batch.trials.push_back(trial);
  *change.AddEvent("trial.promoted", trial.name(), absl::StrCat("to epoch ", next->epochs))
       .mutable_trial() = trial;
  arm.num_working += std::exchange(open.num_waiting, 0);
  for (const RunKey key : OpenRunsOf(next->trial)) {
    v1::Run& run = open_runs_.at(key);
    run.set_message(absl::StrCat("goes on to epoch ", next->epochs));
    Move(run, v1::RUN_STATE_QUEUED, "run.queued", change);
  }
  return true;
}

void StudyState::CreateTrial(size_t arm_index, const Search::Next& chosen,
                             const std::optional<Scheduler::Fork>& fork, Change& change) {
  Arm& arm = arms_[arm_index];
  const auto number = static_cast<int64_t>(trials_.size());
  v1::Trial trial;
  trial.set_name(ToString(TrialName{record_.spec().study(), number}));
  trial.set_number(number);
  trial.set_state(v1::TRIAL_STATE_ACTIVE);
  trial.set_epochs(fork ? fork->stop : arm.FirstStop());
  for (const v1::Assignment& assignment : chosen.configuration) {
    *trial.add_parameters() = assignment;
  }
  trial.set_source(chosen.source);
  if (fork) {
    const v1::Trial& parent = TrialAt(fork->parent);
    trial.mutable_fork()->set_parent(fork->parent);
    trial.mutable_fork()->set_epoch(fork->epochs);
    trial.mutable_fork()->set_replaces(fork->replaces);
    trial.mutable_fork()->set_root(spec::RootOf(parent));
  }
  arm.Begin(trial);
  arm_of_.push_back(arm_index);
  trials_.push_back(std::move(trial));
  open_trials_[number];
  CreateRuns(number, FirstReplicates(record_.spec().search()), change);
}

void StudyState::CreateRuns(int64_t number, int64_t count, Change& change) {
  v1::Trial& trial = TrialAt(number);
  OpenTrial& open = open_trials_.at(number);
  Arm& arm = ArmOf(number);
  const bool is_new = trial.replicates() == 0;
  const int64_t from = trial.replicates();
  trial.set_replicates(from + count);
  const absl::StatusOr<v1::TrainingSpec> spec = Configure({number, 0});
  open.dataset = NeededDataset(spec);
  arm.Pay(count * (trial.epochs() - trial.fork().epoch()));
  arm.num_working += count;
  open.num_open += count;
  change.batch.trials.push_back(trial);
  *change.AddEvent(is_new ? "trial.created" : "trial.replicated", trial.name(), OriginOf(trial))
       .mutable_trial() = trial;
  change.touched.insert(this);
  for (int64_t replicate = from; replicate < from + count; ++replicate) {
    const RunKey key{number, replicate};
    v1::Run& run = open_runs_[key];
    run.set_name(ToString(RunName{record_.spec().study(), number, replicate}));
    run.set_trial(number);
    run.set_replicate(replicate);
    run.set_seed(spec::RunSeed(record_.spec().search().seed(), spec::RootOf(trial), replicate));
    run.set_state(v1::RUN_STATE_QUEUED);
    if (trial.has_fork()) Inherit(run, change);
    AddRuns(*record_.mutable_runs(), v1::RUN_STATE_QUEUED, 1);
    queued_[*open.dataset].insert(key);
    if (spec.ok()) change.batch.runs.push_back(run);
  }
  if (spec.ok()) return;
  for (int64_t replicate = from; replicate < from + count; ++replicate) {
    v1::Run& run = open_runs_.at({number, replicate});
    run.set_message(std::string(spec.status().message()));
    Move(run, v1::RUN_STATE_FAILED, "run.failed", change);
  }
}

void StudyState::Gathered(int64_t number, Change& change) {
  v1::Trial& trial = TrialAt(number);
  const OpenTrial& open = open_trials_.at(number);
  const bool is_over = open.ends.cancelled() > 0 || open.ends.stopped() > 0;
  if (is_over && open.num_open > 0) return;  // the others are about to end as well
  const int64_t missing = record_.spec().search().replicates() - trial.replicates();
  if (missing > 0 && !is_over && !open.measured.empty() && !IsOutraced(number) &&
      ArmOf(number).CanPay(missing * trial.epochs())) {
    return CreateRuns(number, missing, change);
  }
  SetMeasured(number);
  if (open.num_open == 0) {
    EndTrial(number, change);
  } else {
    ArmOf(number).Wait(trial);
    change.batch.trials.push_back(trial);
    *change.AddEvent("trial.waits", trial.name(), absl::StrCat("at epoch ", trial.epochs()))
         .mutable_trial() = trial;
  }
  Settle(ArmOf(number), change);
}

void StudyState::SetMeasured(int64_t number) {
  v1::Trial& trial = TrialAt(number);
  const OpenTrial& open = open_trials_.at(number);
  trial.clear_objective();
  trial.clear_further_objectives();
  trial.clear_constraints();
  if (open.measured.empty()) return;
  const std::vector<double> means = MeansOf(open.measured);
  if (!std::isnan(means[0])) trial.set_objective(means[0]);
  const auto constraints = means.end() - record_.spec().constraints_size();
  trial.mutable_further_objectives()->Add(means.begin() + 1, constraints);
  trial.mutable_constraints()->Add(constraints, means.end());
  const bool is_there =
      !trial.rungs().empty() && trial.rungs().rbegin()->epochs() == trial.epochs();
  // What the scheduler was told stays; of a trial that was opened again it knows nothing.
  if (is_there && trial.extended_to() == 0) return;
  if (is_there) trial.mutable_rungs()->RemoveLast();
  v1::Rung& rung = *trial.add_rungs();
  rung.set_epochs(trial.epochs());
  for (const auto& [replicate, values] : open.measured) rung.add_values(values[0]);
}

bool StudyState::IsOutraced(int64_t number) const {
  const v1::Trial& trial = trials_[static_cast<size_t>(number)];
  std::vector<double> mine;
  for (const auto& [replicate, values] : open_trials_.at(number).measured) {
    if (!std::isnan(values[0])) mine.push_back(values[0]);
  }
  const double sign = record_.spec().objective().goal() == v1::GOAL_MAXIMIZE ? -1 : 1;
  std::vector<double> best;
  double best_mean = std::numeric_limits<double>::infinity();
  for (const v1::Trial& rival : trials_) {
    if (rival.number() == number ||
        arm_of_[static_cast<size_t>(rival.number())] != arm_of_[static_cast<size_t>(number)]) {
      continue;
    }
    for (const v1::Rung& rung : rival.rungs()) {
      if (rung.epochs() != trial.epochs() || rung.values_size() < 2) continue;
      const double mean = sign * std::accumulate(rung.values().begin(), rung.values().end(), 0.0) /
                          rung.values_size();
      if (!(mean < best_mean)) continue;
      best_mean = mean;
      best.assign(rung.values().begin(), rung.values().end());
    }
  }
  const auto test = statistics::WelchTest(mine, best, 0.95);
  if (!test) return false;
  const double alpha = 1 - record_.spec().search().racing().confidence();
  return sign * test->difference > 0 && test->p_value / 2 < alpha;
}

void StudyState::EndTrial(int64_t number, Change& change) {
  v1::Trial& trial = TrialAt(number);
  trial.set_state(StateOf(open_trials_.at(number).ends));
  open_trials_.erase(number);
  ArmOf(number).End(trial);
  change.batch.trials.push_back(trial);
  *change.AddEvent(EventOfEnd(trial.state()), trial.name()).mutable_trial() = trial;
  if (CanBeExtended(trial)) {
    best_.insert(PlaceOf(trial));
  } else {
    DropKept(number, change);
  }
  while (static_cast<int>(best_.size()) > record_.spec().checkpoints().keep_best()) {
    const int64_t worst = std::get<2>(*best_.rbegin());
    best_.erase(std::prev(best_.end()));
    DropKept(worst, change);
  }
}

bool StudyState::CanBeExtended(const v1::Trial& trial) const {
  return KeepsBest() && trial.has_objective() &&
         (trial.state() == v1::TRIAL_STATE_SUCCEEDED || trial.state() == v1::TRIAL_STATE_STOPPED);
}

StudyState::FinalPlace StudyState::PlaceOf(const v1::Trial& trial) const {
  return {trial.state() == v1::TRIAL_STATE_STOPPED, spec::RankOf(record_.spec(), trial),
          trial.number()};
}

void StudyState::DropKept(int64_t trial, Change& change) {
  auto run = kept_.lower_bound({trial, 0});
  while (run != kept_.end() && run->first.trial == trial) {
    // Those of a run that failed stay.
    if (run->second.state() != v1::RUN_STATE_FAILED) {
      DropCheckpoints(run->second, 0, change);
      Touch(run->second, change);
    }
    run = kept_.erase(run);
  }
}

std::vector<int64_t> StudyState::BestTrials() const {
  std::vector<int64_t> numbers;
  for (const FinalPlace& place : best_) numbers.push_back(std::get<2>(place));
  return numbers;
}

void StudyState::RestoreKept(v1::Run run) {
  if (!run.checkpoints().empty()) kept_[{run.trial(), run.replicate()}] = std::move(run);
}

std::vector<RunKey> StudyState::OpenRunsOf(int64_t trial) const {
  std::vector<RunKey> keys;
  for (auto run = open_runs_.lower_bound({trial, 0});
       run != open_runs_.end() && run->first.trial == trial; ++run) {
    keys.push_back(run->first);
  }
  return keys;
}

void StudyState::StopTrial(int64_t number, absl::string_view why, Change& change) {
  for (const RunKey key : OpenRunsOf(number)) {
    v1::Run& run = open_runs_.at(key);
    run.set_message(std::string(why));
    Move(run, v1::RUN_STATE_STOPPED, "run.stopped", change);
  }
}

void StudyState::Settle(Arm& arm, Change& change) {
  if (std::exchange(is_settling_, true)) return;  // a trial that is stopped leads back to here
  const auto stop_beaten = [&] {
    while (const std::optional<int64_t> beaten = arm.Beaten()) {
      if (!IsGathered(*beaten)) break;  // when they are all there again
      StopTrial(*beaten, "beaten at its rung", change);
    }
  };
  stop_beaten();
  const auto is_idle = [&] {
    return arm.num_working == 0 && !arm.Waiting().empty() && !NextAdvance(arm) && !NextFork(arm);
  };
  if (is_idle() && !arm.NextTrial()) {
    stop_beaten();  // that no trial comes any more may be what the scheduler has waited for
    if (is_idle()) {
      for (const int64_t waiting : arm.Waiting()) {
        StopTrial(waiting, "it waited at its rung when the search was over", change);
      }
    }
  }
  is_settling_ = false;
}

void StudyState::CheckTime(Change& change) {
  const v1::Budget& budget = record_.spec().budget();
  const bool is_wall_over =
      budget.wall_seconds() > 0 &&
      change.now - FromProto(record_.create_time()) >= absl::Seconds(budget.wall_seconds());
  for (Arm& arm : arms_) {
    if (is_wall_over) arm.EndTime();
    if (!arm.is_out_of_time()) continue;
    std::vector<RunKey> queued;
    for (const auto& [dataset, keys] : queued_) {
      for (const RunKey key : keys) {
        if (&ArmOf(key.trial) == &arm) queued.push_back(key);
      }
    }
    for (const RunKey key : queued) {
      v1::Run* run = FindOpen(key);
      if (run == nullptr) continue;
      run->set_message(is_wall_over ? "budget.wall_seconds was over before it was handed out"
                                    : "budget.core_seconds was used up before it was handed out");
      Move(*run, v1::RUN_STATE_STOPPED, "run.stopped", change);
    }
    Settle(arm, change);
  }
}

void StudyState::Reopen(int64_t number, std::vector<v1::Run> runs,
                        const std::function<bool(const v1::Run&)>& again, Change& change) {
  v1::Trial& trial = TrialAt(number);
  Arm& arm = ArmOf(number);
  const bool had_ended = trial.state() != v1::TRIAL_STATE_ACTIVE;
  OpenTrial& open = open_trials_[number];
  if (had_ended) {
    if (CanBeExtended(trial)) best_.erase(PlaceOf(trial));
    trial.set_state(v1::TRIAL_STATE_ACTIVE);
    if (trial.extended_to() == 0) {  // the scheduler has closed its book on it
      trial.set_scheduled_epochs(trial.epochs());
      trial.set_extended_to(trial.epochs());
    }
  }
  change.batch.trials.push_back(trial);
  *change.AddEvent("trial.reopened", trial.name()).mutable_trial() = trial;
  change.touched.insert(this);
  for (v1::Run& run : runs) {
    const RunKey key{run.trial(), run.replicate()};
    if (open_runs_.contains(key)) continue;
    if (!again(run)) {
      if (had_ended) NoteEnd(open, run);
      continue;
    }
    if (!had_ended) AddRuns(open.ends, run.state(), -1);
    kept_.erase(key);
    run.clear_end_time();
    run.clear_message();
    run.set_failures(0);
    run.set_spent_seconds(0);
    ++open.num_open;
    ++arm.num_working;
    v1::Run& opened = open_runs_[key] = std::move(run);
    Move(opened, v1::RUN_STATE_QUEUED, "run.queued", change);
  }
}

void StudyState::Extend(int64_t number, int64_t epochs, std::vector<v1::Run> runs, Change& change) {
  v1::Trial& trial = TrialAt(number);
  if (trial.extended_to() == 0) trial.set_scheduled_epochs(trial.epochs());
  ArmOf(number).Pay((epochs - trial.epochs()) * trial.replicates());
  if (CanBeExtended(trial)) best_.erase(PlaceOf(trial));
  trial.set_epochs(epochs);
  trial.set_extended_to(epochs);
  Reopen(
      number, std::move(runs),
      [](const v1::Run& run) {
        return run.state() == v1::RUN_STATE_SUCCEEDED || run.state() == v1::RUN_STATE_STOPPED;
      },
      change);
}

void StudyState::SetSpec(const v1::StudySpec& spec, int64_t expected_runs) {
  *record_.mutable_spec() = spec;
  record_.set_expected_runs(expected_runs);
  arms_ = MakeArms(record_);
  for (const v1::Trial& trial : trials_) {
    Arm& arm = ArmOf(trial.number());
    arm.Restore(trial, LastEpoch());
    if (trial.state() != v1::TRIAL_STATE_ACTIVE) arm.End(trial);
  }
  for (const auto& [number, open] : open_trials_) {
    ArmOf(number).num_working += open.num_open - open.num_waiting;
  }
}

void StudyState::Spend(int64_t number, double core_seconds, Change& change) {
  v1::Trial& trial = TrialAt(number);
  trial.set_core_seconds(trial.core_seconds() + core_seconds);
  ArmOf(number).Spend(core_seconds);
  change.batch.trials.push_back(trial);
}

}  // namespace tpsweep::server
