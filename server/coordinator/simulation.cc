#include "server/coordinator/simulation.h"

#include <cmath>
#include <limits>
#include <queue>
#include <tuple>
#include <utility>

#include "common/names.h"
#include "server/coordinator/study_state.h"

namespace tpsweep::server {
namespace {

// An attempt in a slot, and when it comes to its stop or to its end.
struct Working {
  double until;
  int64_t order;  // of their beginnings: what ends at once ends in this order
  RunKey run;
  bool operator>(const Working& other) const {
    return std::tie(until, order) > std::tie(other.until, other.order);
  }
};

class Simulator {
 public:
  Simulator(const v1::StudySpec& spec, const SimulationOptions& options)
      : options_(options),
        metric_(spec.objective().metric()),
        sign_(spec.objective().goal() == v1::GOAL_MAXIMIZE ? -1 : 1) {
    v1::Study record;
    record.set_name(ToString(StudyName{spec.study()}));
    *record.mutable_spec() = spec;
    study_ = std::make_unique<StudyState>(std::move(record));
    Change change(Now());
    study_->Start("", change);
  }

  Simulation Run() && {
    for (;;) {
      Change change(Now());
      study_->CheckTime(change);
      while (static_cast<int>(working_.size()) < options_.slots && Begin(change)) {
      }
      if (working_.empty()) break;
      const Working next = working_.top();
      working_.pop();
      result_.seconds = next.until;
      Change ending(Now());
      Finish(next.run, ending);
    }
    for (int64_t i = 0; i < num_trials_; ++i) result_.trials.push_back(study_->trial(i));
    return std::move(result_);
  }

 private:
  absl::Time Now() const { return absl::UnixEpoch() + absl::Seconds(result_.seconds); }

  bool Begin(Change& change) {
    std::optional<RunKey> key;
    for (;;) {
      key = study_->NextQueued([](const std::string&) { return true; });
      if (key) break;
      const StudyState::Fresh fresh = study_->QueueMore(change);
      if (fresh == StudyState::Fresh::kNothing) return false;
      if (fresh == StudyState::Fresh::kCreated) ++num_trials_;
    }
    v1::Run& run = *study_->FindOpen(*key);
    if (run.attempt() == 0) ++result_.runs;
    run.set_attempt(run.attempt() + 1);
    study_->Move(run, v1::RUN_STATE_RUNNING, "run.leased", change);
    const v1::Trial& trial = study_->trial(key->trial);
    // It diverges at the first epoch where it has no value.
    int64_t epochs = run.latest().epoch();
    while (epochs < trial.epochs() &&
           !std::isnan(options_.objective(trial, key->replicate, epochs + 1))) {
      ++epochs;
    }
    const bool diverges = epochs < trial.epochs();
    const int64_t trained = epochs - run.latest().epoch() + (diverges ? 1 : 0);
    const double seconds = static_cast<double>(trained) * options_.epoch_seconds(trial);
    result_.epochs += trained;
    result_.core_seconds += seconds;
    working_.push({result_.seconds + seconds, ++num_begun_, *key});
    reached_[*key] = {epochs, seconds};
    return true;
  }

  void Finish(RunKey key, Change& change) {
    v1::Run& run = *study_->FindOpen(key);
    const v1::Trial trial = study_->trial(key.trial);
    const auto [epochs, seconds] = reached_.at(key);
    study_->Spend(key.trial, seconds, change);
    if (epochs > run.latest().epoch()) {
      v1::Measurement measurement;
      measurement.set_sequence(epochs);
      measurement.set_epoch(epochs);
      (*measurement.mutable_scalars())[metric_] = options_.objective(trial, key.replicate, epochs);
      study_->Measure(run, measurement);
    }
    if (epochs < trial.epochs()) {
      return study_->Move(run, v1::RUN_STATE_INFEASIBLE, "run.infeasible", change);
    }
    if (study_->PauseAfter(key.trial) > 0) return study_->Pause(run, change);
    const double value = sign_ * run.latest().scalars().at(metric_);
    study_->Move(run, v1::RUN_STATE_SUCCEEDED, "run.succeeded", change);
    if (value < best_) {
      best_ = value;
      result_.incumbents.push_back({result_.epochs, result_.seconds, key.trial});
    }
  }

  struct Reached {
    int64_t epochs;
    double seconds;
  };

  const SimulationOptions& options_;
  const std::string metric_;
  const double sign_;
  std::unique_ptr<StudyState> study_;
  std::priority_queue<Working, std::vector<Working>, std::greater<>> working_;
  std::map<RunKey, Reached> reached_;
  int64_t num_begun_ = 0;
  int64_t num_trials_ = 0;
  double best_ = std::numeric_limits<double>::infinity();
  Simulation result_;
};

}  // namespace

Simulation Simulate(const v1::StudySpec& spec, const SimulationOptions& options) {
  return Simulator(spec, options).Run();
}

}  // namespace tpsweep::server
