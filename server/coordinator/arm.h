// One search with its scheduler and its share of the budget: all trials of a study, or
// with budget.per those that have one value of that parameter.
//
// Trials have numbers of their own here (0, 1, ... within the arm): sampler and scheduler
// know nothing of other arms.
//
// Not thread-safe: guarded by the coordinator's lock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/schedule/scheduler.h"
#include "server/search/search.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

class Arm {
 public:
  // `spec` is complete; `value` of budget.per, as text (common/spec/text.h), if the study has that.
  Arm(const v1::StudySpec& spec, const google::protobuf::RepeatedPtrField<v1::Trial>& imported,
      std::string value);

  // The value of budget.per; empty if the study has none.
  const std::string& value() const { return value_; }

  // --- what trials there are, by their numbers in the study
  // Nothing if no further trial will come: none is left, or none can be paid for.
  const std::optional<Search::Next>& NextTrial() const;
  // The trial that NextTrial or NextFork described, as it was created.
  void Begin(const v1::Trial& trial);
  // It waits at a rung: `trial` has it among its rungs, and the mean there.
  void Wait(const v1::Trial& trial);
  void GoOn(const v1::Trial& trial, int64_t epochs);
  void End(const v1::Trial& trial);
  // Begin and all that followed, from the record of a trial; but not its end, unless it was
  // extended: the scheduler knows nothing of that.
  void Restore(const v1::Trial& trial, int64_t last_epoch);

  // Epochs to which the next trial is trained first.
  int64_t FirstStop() const { return scheduler_->FirstStop(num_trials()); }
  // The trial that is made next from a waiting one, if one is and the budget's number of
  // trials allows it; by numbers in the study.
  std::optional<Scheduler::Fork> NextFork() const;
  // What it is to be trained with.
  Search::Next GoOnFrom(const v1::Trial& parent) const { return search_->GoOnFrom(parent); }
  // A waiting trial that goes on, and to which epochs, if one does now.
  std::optional<Scheduler::Advance> NextAdvance() const;
  std::optional<int64_t> Beaten() const;
  // Where the trial is, in words, and why.
  std::string Explain(const v1::Trial& trial) const;
  // The waiting trials.
  std::vector<int64_t> Waiting() const { return {waiting_.begin(), waiting_.end()}; }
  bool IsWaiting(int64_t number) const { return waiting_.contains(number); }

  // --- the budget
  // Whether so many more epochs fit into it.
  bool CanPay(int64_t epochs) const;
  void Pay(int64_t epochs);
  int64_t epochs_paid() const { return epochs_paid_; }
  int64_t num_trials() const { return static_cast<int64_t>(numbers_.size()); }
  void Spend(double core_seconds);
  // The time of the study is over.
  void EndTime();
  bool is_out_of_time() const {
    return is_time_over_ || (budget_.core_seconds() > 0 && core_seconds_ >= budget_.core_seconds());
  }

  // Runs that are queued or being trained.
  int64_t num_working = 0;

 private:
  int64_t LocalOf(int64_t number) const;
  int64_t InStudy(int64_t local) const { return numbers_[static_cast<size_t>(local)]; }
  void EndScheduled(const v1::Trial& trial, bool is_bad);
  // Smaller is better; NaN if the trial has no value.
  double Rank(const v1::Trial& trial) const;

  std::string value_;
  v1::Budget budget_;
  double sign_;  // -1: maximise
  int first_replicates_;
  std::unique_ptr<Search> search_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<int64_t> numbers_;  // in the study, of each trial; rise
  std::set<int64_t> waiting_;     // by their numbers in the study
  int64_t epochs_paid_ = 0;
  double core_seconds_ = 0;
  bool is_time_over_ = false;
  // What the search says about the next trial, after all that it was told. Outer
  // empty: not asked yet; inner empty: there is none.
  mutable std::optional<std::optional<Search::Next>> next_;
};

// The arms of a study: one, or one for each value of budget.per, in the order of the spec.
std::vector<Arm> MakeArms(const v1::Study& study);

// Puts the mean of the values at `rung` into `trial`.
void SetObjective(const v1::Rung& rung, v1::Trial& trial);

// Replicates that a trial begins with.
int FirstReplicates(const v1::Search& search);

}  // namespace tpsweep::server
