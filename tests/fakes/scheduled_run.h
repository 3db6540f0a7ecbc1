// Trains the trials of a scheduler in no time, with values from a function, on a number
// of imaginary workers.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "server/schedule/scheduler.h"

namespace tpsweep::server {

class ScheduledRun {
 public:
  // `value(trial, epochs)`; not a number: the trial is bad and ends on its way there.
  using Value = std::function<double(int64_t trial, int64_t epochs)>;

  ScheduledRun(Scheduler& scheduler, int64_t num_trials, int64_t last, Value value)
      : scheduler_(scheduler), num_trials_(num_trials), last_(last), value_(std::move(value)) {}

  // Gives one free worker something to do; false if there is nothing now.
  bool Give() {
    StopBeaten();
    if (const auto fork = scheduler_.NextFork()) {
      scheduler_.BeginFork(begun_, fork->replaces, fork->epochs);
      scheduler_.End(fork->replaces, false);
      reached_[begun_] = fork->epochs;
      running_.push_back({begun_++, fork->stop});
      epochs_ += fork->stop - fork->epochs;
      return true;
    }
    if (const auto next = scheduler_.Next()) {
      scheduler_.GoOn(next->trial, next->epochs);
      running_.push_back({next->trial, next->epochs});
      epochs_ += next->epochs - reached_[next->trial];
      return true;
    }
    if (begun_ >= num_trials_) return false;
    const int64_t stop = scheduler_.FirstStop(begun_);
    scheduler_.Begin(begun_);
    running_.push_back({begun_, stop});
    epochs_ += stop;
    if (++begun_ == num_trials_) scheduler_.Close();
    return true;
  }
  // The worker that has been at it for longest is done; false if none works.
  bool Finish() {
    if (running_.empty()) return false;
    const Scheduler::Advance done = running_.front();
    running_.pop_front();
    const double value = value_(done.trial, done.epochs);
    if (std::isnan(value)) {
      scheduler_.End(done.trial, true);
      ended_.insert(done.trial);
      return true;
    }
    reached_[done.trial] = done.epochs;
    if (done.epochs == last_) {
      scheduler_.End(done.trial, false);
      ended_.insert(done.trial);
    } else {
      scheduler_.Wait(done.trial, done.epochs, value);
    }
    StopBeaten();
    return true;
  }
  void Train(int workers) {
    do {
      while (static_cast<int>(running_.size()) < workers && Give()) {
      }
    } while (Finish());
  }

  // Epochs that each trial got to.
  const std::map<int64_t, int64_t>& reached() const { return reached_; }
  int64_t epochs() const { return epochs_; }
  // How many trials got to `epochs` or beyond.
  int64_t NumAt(int64_t epochs) const {
    int64_t count = 0;
    for (const auto& [trial, reached] : reached_) count += reached >= epochs;
    return count;
  }
  const std::set<int64_t>& stopped() const { return stopped_; }

 private:
  void StopBeaten() {
    while (const std::optional<int64_t> beaten = scheduler_.Beaten()) {
      scheduler_.End(*beaten, false);
      stopped_.insert(*beaten);
    }
  }

  Scheduler& scheduler_;
  const int64_t num_trials_;
  const int64_t last_;
  const Value value_;
  int64_t begun_ = 0;
  int64_t epochs_ = 0;
  std::deque<Scheduler::Advance> running_;
  std::map<int64_t, int64_t> reached_;
  std::set<int64_t> ended_;
  std::set<int64_t> stopped_;
};

}  // namespace tpsweep::server
