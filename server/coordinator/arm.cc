#include "server/coordinator/arm.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/spec/arms.h"
#include "common/spec/field_path.h"

namespace tpsweep::server {
namespace {

// Imported trials that have the value.
google::protobuf::RepeatedPtrField<v1::Trial> ImportedWith(const v1::Study& study,
                                                           const std::string& value) {
  google::protobuf::RepeatedPtrField<v1::Trial> imported;
  for (const v1::Trial& trial : study.imported()) {
    for (const v1::Assignment& assignment : trial.parameters()) {
      if (assignment.path() != study.spec().budget().per()) continue;
      if (spec::ToText(assignment.value()) == value) *imported.Add() = trial;
    }
  }
  return imported;
}

}  // namespace

void SetObjective(const v1::Rung& rung, v1::Trial& trial) {
  double sum = 0;
  double count = 0;
  for (const double value : rung.values()) {
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  trial.clear_objective();
  if (count > 0) trial.set_objective(sum / count);
}

int FirstReplicates(const v1::Search& search) {
  const int racers = search.racing().min_replicates();
  return racers > 0 ? racers : search.replicates();
}

std::vector<Arm> MakeArms(const v1::Study& study) {
  std::vector<Arm> arms;
  for (const spec::ArmSpec& arm : spec::ArmsOf(study.spec())) {
    arms.emplace_back(
        arm.spec, arm.value.empty() ? study.imported() : ImportedWith(study, arm.value), arm.value);
  }
  return arms;
}

Arm::Arm(const v1::StudySpec& spec, const google::protobuf::RepeatedPtrField<v1::Trial>& imported,
         std::string value)
    : value_(std::move(value)),
      budget_(spec.budget()),
      sign_(spec.objective().goal() == v1::GOAL_MAXIMIZE ? -1 : 1),
      first_replicates_(FirstReplicates(spec.search())),
      search_(std::make_unique<Search>(spec, imported)),
      scheduler_(MakeScheduler(spec)) {}

const std::optional<Search::Next>& Arm::NextTrial() const {
  if (!next_.has_value()) {
    const bool can_pay = !is_out_of_time() && CanPay(first_replicates_ * FirstStop());
    next_ = can_pay ? search_->Propose() : std::nullopt;
    if (!next_->has_value()) scheduler_->Close();
  }
  return *next_;
}

void Arm::Begin(const v1::Trial& trial) {
  next_.reset();
  if (trial.has_fork()) {
    scheduler_->BeginFork(num_trials(), LocalOf(trial.fork().replaces()), trial.fork().epoch());
  } else {
    scheduler_->Begin(num_trials());
  }
  numbers_.push_back(trial.number());
  search_->Add(trial);
}

void Arm::Wait(const v1::Trial& trial) {
  next_.reset();
  search_->Tell(LocalOf(trial.number()), trial);
  // A replicate that had failed, was tried again and came later: the place is taken.
  if (!waiting_.insert(trial.number()).second) return;
  scheduler_->Wait(LocalOf(trial.number()), trial.rungs().rbegin()->epochs(), Rank(trial));
}

void Arm::GoOn(const v1::Trial& trial, int64_t epochs) {
  scheduler_->GoOn(LocalOf(trial.number()), epochs);
  waiting_.erase(trial.number());
}

void Arm::End(const v1::Trial& trial) {
  next_.reset();
  EndScheduled(trial, trial.state() == v1::TRIAL_STATE_INFEASIBLE ||
                          trial.state() == v1::TRIAL_STATE_FAILED);
  search_->Tell(LocalOf(trial.number()), trial);
}

void Arm::EndScheduled(const v1::Trial& trial, bool is_bad) {
  scheduler_->End(LocalOf(trial.number()), is_bad);
  waiting_.erase(trial.number());
}

void Arm::Restore(const v1::Trial& trial, int64_t last_epoch) {
  Begin(trial);
  Pay((trial.epochs() - trial.fork().epoch()) * trial.replicates());
  Spend(trial.core_seconds());
  const bool was_extended = trial.extended_to() > 0;
  const int64_t stop = was_extended ? trial.scheduled_epochs() : trial.epochs();
  bool came_to_stop = false;
  // What it was worth at each rung, one after the other.
  v1::Trial then = trial;
  then.clear_rungs();
  then.set_state(v1::TRIAL_STATE_ACTIVE);
  for (int i = 0; i < trial.rungs_size() && trial.rungs(i).epochs() <= stop; ++i) {
    came_to_stop = trial.rungs(i).epochs() == stop;
    if (trial.rungs(i).epochs() >= last_epoch) break;  // its end
    *then.add_rungs() = trial.rungs(i);
    SetObjective(trial.rungs(i), then);
    Wait(then);
    const bool has_next = i + 1 < trial.rungs_size() && trial.rungs(i + 1).epochs() <= stop;
    const int64_t next = has_next ? trial.rungs(i + 1).epochs() : stop;
    if (next > trial.rungs(i).epochs()) GoOn(then, next);
  }
  if (was_extended) EndScheduled(trial, !came_to_stop);
}

std::optional<Scheduler::Fork> Arm::NextFork() const {
  const bool is_full = budget_.trials() > 0 && num_trials() >= budget_.trials();
  std::optional<Scheduler::Fork> next = scheduler_->NextFork();
  if (!next || is_full || is_out_of_time()) return std::nullopt;
  next->parent = InStudy(next->parent);
  next->replaces = InStudy(next->replaces);
  return next;
}

std::optional<Scheduler::Advance> Arm::NextAdvance() const {
  std::optional<Scheduler::Advance> next = scheduler_->Next();
  if (!next || is_out_of_time()) return std::nullopt;
  next->trial = InStudy(next->trial);
  return next;
}

std::optional<int64_t> Arm::Beaten() const {
  const std::optional<int64_t> beaten = scheduler_->Beaten();
  if (!beaten) return std::nullopt;
  return InStudy(*beaten);
}

std::string Arm::Explain(const v1::Trial& trial) const {
  return scheduler_->Explain(
      LocalOf(trial.number()),
      {[this](int64_t local) { return absl::StrCat(InStudy(local)); }, sign_});
}

bool Arm::CanPay(int64_t epochs) const {
  return budget_.epochs() == 0 || epochs_paid_ + epochs <= budget_.epochs();
}

void Arm::Pay(int64_t epochs) {
  epochs_paid_ += epochs;
  next_.reset();
}

void Arm::Spend(double core_seconds) {
  core_seconds_ += core_seconds;
  next_.reset();
}

void Arm::EndTime() {
  if (!std::exchange(is_time_over_, true)) next_.reset();
}

int64_t Arm::LocalOf(int64_t number) const {
  return std::lower_bound(numbers_.begin(), numbers_.end(), number) - numbers_.begin();
}

double Arm::Rank(const v1::Trial& trial) const {
  return trial.has_objective() ? sign_ * trial.objective() : NAN;
}

}  // namespace tpsweep::server
