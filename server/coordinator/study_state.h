// A study that has not ended, in memory: its trials, its runs that have not
// ended, and the rules by which their states move.
//
// Not thread-safe: guarded by the coordinator's lock. Does no I/O; every change
// goes into the Change at hand.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/spec/ranking.h"
#include "server/coordinator/arm.h"
#include "server/coordinator/change.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

struct RunKey {
  int64_t trial = 0;
  int64_t replicate = 0;
  friend auto operator<=>(const RunKey&, const RunKey&) = default;  // NOLINT(modernize-use-nullptr)
};

class StudyState {
 public:
  // `record.spec` is complete.
  explicit StudyState(v1::Study record);

  const v1::Study& record() const { return record_; }
  int64_t num_trials() const { return static_cast<int64_t>(trials_.size()); }
  const v1::Trial& trial(int64_t number) const { return trials_[static_cast<size_t>(number)]; }
  const std::map<RunKey, v1::Run>& open_runs() const { return open_runs_; }
  // No further trial will come.
  bool is_exhausted() const;
  // Every trial has been created and every run has ended.
  bool is_finished() const { return open_runs_.empty() && is_exhausted(); }

  // A study that had ended goes on.
  void Open() {
    record_.clear_end_time();
    record_.set_state(v1::STUDY_STATE_ACTIVE);
  }

  // Creation: the first state, and the record's first event.
  void Start(const std::string& idempotency_key, Change& change);

  // Recovery: a stored trial, in order of number, with all its runs if it is
  // ACTIVE. The counts of the record are left as they are.
  void Restore(v1::Trial trial, std::vector<v1::Run> runs);

  // Queues runs that were not: of a waiting trial that goes on, or of the next trial. If
  // the combination of that one's parameters is illegal, its runs have failed and say
  // why. False if there is nothing to queue now.
  enum class Fresh { kNothing, kAdvanced, kCreated };
  Fresh QueueMore(Change& change);

  // The first queued run that needs no data set, or one for which `has` holds.
  std::optional<RunKey> NextQueued(const std::function<bool(const std::string&)>& has) const;
  // Epochs after which a run of the trial waits; 0: it is trained to its end.
  int64_t PauseAfter(int64_t trial) const;
  // The training of a run: that of its trial, with its seed.
  absl::StatusOr<v1::TrainingSpec> Configure(RunKey key) const;
  // The data sets that queued runs wait for.
  std::vector<std::string> NeededDatasets() const;
  size_t num_queued() const;

  // A run that has not ended; null if it has, or never was.
  v1::Run* FindOpen(RunKey key);

  // Puts `run`, an open run changed by the caller, into `state`: counts, queue,
  // and the trial if this was its last run. `run` is gone afterwards if the
  // state is an end. Adds the record and an event.
  void Move(v1::Run& run, v1::RunState state, absl::string_view event, Change& change);

  // `run`, an open run, was handed back with a checkpoint: it waits for the rest of its
  // trial if it has come to the stop, or else for the study to be resumed.
  void Pause(v1::Run& run, Change& change);

  // An attempt of the trial has taken so long.
  void Spend(int64_t trial, double core_seconds, Change& change);

  // Stops what is queued or waits if the time of the budget is over.
  void CheckTime(Change& change);

  // Takes in a measurement of `run`, an open run.
  void Measure(v1::Run& run, const v1::Measurement& measurement) const;

  // If an objective or constraint is not among what `run` measured: which, and what is
  // there. Empty if all are.
  std::string Unmeasured(const v1::Run& run) const;

  // Adds the run's record only: its state is the same.
  void Touch(const v1::Run& run, Change& change) { change.batch.runs.push_back(run); }

  // Queues the runs that wait because the study was paused.
  void QueuePaused(Change& change);

  // Takes a checkpoint that cannot be used off `run`, an open run.
  void RejectCheckpoint(v1::Run& run, const std::string& sha256, const std::string& reason,
                        Change& change);
  // The checkpoints of open runs that are copies of those of their trials' parents.
  std::vector<CheckpointCopy> Inherited() const;
  // Takes the older of two checkpoints off runs, until `bytes` are free; how many are.
  int64_t DropSpareCheckpoints(int64_t bytes, Change& change);

  // Queues those of the trial's runs again for which `again` holds; `runs` are all that
  // have ended. They are trained to where the trial was, or to where it has been extended.
  void Reopen(int64_t trial, std::vector<v1::Run> runs,
              const std::function<bool(const v1::Run&)>& again, Change& change);
  // Trains a trial that has ended to `epochs`, which are more than it has.
  void Extend(int64_t trial, int64_t epochs, std::vector<v1::Run> runs, Change& change);
  // `spec` differs in its budget and the number of trials.
  void SetSpec(const v1::StudySpec& spec, int64_t expected_runs);

  // The ended trials whose runs may have final checkpoints, and their runs when the server
  // starts.
  std::vector<int64_t> BestTrials() const;
  void RestoreKept(v1::Run run);
  bool KeepsBest() const { return record_.spec().checkpoints().keep_best() > 0; }

  std::string Explain(int64_t trial) const {
    return arms_[arm_of_[static_cast<size_t>(trial)]].Explain(this->trial(trial));
  }

  // Ends every run that has not ended, and the study.
  void Cancel(Change& change);

  void SetState(v1::StudyState state, absl::string_view event, Change& change);

 private:
  // What is known of a trial before all of its runs have ended.
  struct OpenTrial {
    std::optional<std::string> dataset;  // not set: nobody has asked yet (DatasetOf)
    int64_t num_open = 0;
    int64_t num_waiting = 0;  // of the open ones: at the stop
    // Of each replicate that succeeded, was stopped or waits the values of metrics_; by
    // replicate, so that the means do not depend on who was first.
    std::map<int64_t, std::vector<double>> measured;
    v1::RunCounts ends;
  };

  Arm& ArmOf(int64_t trial) { return arms_[arm_of_[static_cast<size_t>(trial)]]; }
  size_t ArmFor(const v1::Trial& trial) const;
  v1::Trial& TrialAt(int64_t number) { return trials_[static_cast<size_t>(number)]; }
  // Whether it has come to the stop of its trial.
  bool IsAtStop(const v1::Run& run) const;

  // Worse than others if it was stopped, then by objective, then by number.
  using FinalPlace = std::tuple<bool, spec::Rank, int64_t>;
  FinalPlace PlaceOf(const v1::Trial& trial) const;
  bool CanBeExtended(const v1::Trial& trial) const;
  void DropKept(int64_t trial, Change& change);

  // That the runs of an open trial need; empty: none. Found when it is first asked for: to
  // configure a run takes long, and most trials that wait when a server starts are never
  // asked.
  const std::string& DatasetOf(int64_t number);
  // That a run of `spec` loads; empty if it loads none, or is illegal.
  static std::string NeededDataset(const absl::StatusOr<v1::TrainingSpec>& spec);
  int64_t LastEpoch() const { return record_.spec().training().epochs(); }
  std::vector<RunKey> OpenRunsOf(int64_t trial) const;
  CheckpointCopy InheritedCopy(RunKey key, const v1::Checkpoint& checkpoint) const;

  // The next trial of the arm, as it was chosen; with `fork` it goes on from another.
  void CreateTrial(size_t arm, const Search::Next& chosen,
                   const std::optional<Scheduler::Fork>& fork, Change& change);
  // Gives `run`, which is new, the state of the same replicate of its trial's parent.
  void Inherit(v1::Run& run, Change& change);
  // The trial that is made from another now and can be paid for, if there is one.
  std::optional<Scheduler::Fork> NextFork(const Arm& arm) const;
  // Of a trial that waits at its rung: whether no replicate that had failed is tried again.
  bool IsGathered(int64_t trial) const {
    const OpenTrial& open = open_trials_.at(trial);
    return open.num_waiting == open.num_open;
  }
  // Makes it; false if there is none.
  bool ForkIn(size_t arm, Change& change);
  // `count` more runs of the trial, queued.
  void CreateRuns(int64_t trial, int64_t count, Change& change);
  // The waiting trial that goes on now and can be paid for, if there is one.
  std::optional<Scheduler::Advance> NextAdvance(const Arm& arm) const;
  // Lets it go on; false if there is none.
  bool GoOnIn(Arm& arm, Change& change);

  // The values of metrics_ that `run` measured last; not a number where it has none.
  std::vector<double> ValuesOf(const v1::Run& run) const;
  void NoteEnd(OpenTrial& trial, const v1::Run& run);
  // All open runs of the trial wait, or none is open: more replicates, the scheduler, or
  // the end.
  void Gathered(int64_t number, Change& change);
  // Puts what its replicates measured into the trial: the means, and a rung.
  void SetMeasured(int64_t number);
  // Whether the trial has lost the race with the replicates it has.
  bool IsOutraced(int64_t number) const;
  void EndTrial(int64_t number, Change& change);
  void StopTrial(int64_t number, absl::string_view why, Change& change);
  // Stops what the scheduler has given up, and what waits for nothing.
  void Settle(Arm& arm, Change& change);

  v1::Study record_;
  // The objectives, then the constraints.
  const std::vector<std::string> metrics_;
  std::vector<Arm> arms_;
  std::vector<v1::Trial> trials_;
  std::vector<size_t> arm_of_;  // by trial
  std::map<int64_t, OpenTrial> open_trials_;
  std::map<RunKey, v1::Run> open_runs_;
  // Queued runs by the data set that they need.
  std::map<std::string, std::set<RunKey>> queued_;
  bool is_settling_ = false;
  // The best trials that have ended, at most keep_best; and ended runs with checkpoints.
  std::set<FinalPlace> best_;
  std::map<RunKey, v1::Run> kept_;
};

// "active", "paused", ...
std::string StateName(v1::StudyState state);
absl::Status NoSuchStudy(absl::string_view study);
bool IsEnd(v1::RunState state);
// Takes all checkpoints but the last `keep` off `run`; their bytes are garbage.
void DropCheckpoints(v1::Run& run, int keep, Change& change);
bool IsEnd(v1::StudyState state);
// The counter of a state.
void AddRuns(v1::RunCounts& counts, v1::RunState state, int64_t by);

}  // namespace tpsweep::server
