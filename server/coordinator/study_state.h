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
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/coordinator/change.h"
#include "server/search/search.h"
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
  const v1::Trial& trial(int64_t number) const { return trials_[static_cast<size_t>(number)]; }
  const std::map<RunKey, v1::Run>& open_runs() const { return open_runs_; }
  // No further trial will come.
  bool is_exhausted() const;
  // Every trial has been created and every run has ended.
  bool is_finished() const { return open_runs_.empty() && is_exhausted(); }

  // Creation: the first state, and the record's first event.
  void Start(const std::string& idempotency_key, Change& change);

  // Recovery: a stored trial, in order of number, with all its runs if it is
  // ACTIVE. The counts of the record are left as they are.
  void Restore(v1::Trial trial, std::vector<v1::Run> runs);

  // Creates the next trial and its runs, queued; if the combination of its
  // parameters is illegal, they have failed and say why. Not when exhausted.
  void CreateTrial(Change& change);

  // The first queued run that needs no data set, or one for which `has` holds.
  std::optional<RunKey> NextQueued(const std::function<bool(const std::string&)>& has) const;
  // The data sets that queued runs wait for.
  std::vector<std::string> NeededDatasets() const;
  size_t num_queued() const;

  // A run that has not ended; null if it has, or never was.
  v1::Run* FindOpen(RunKey key);

  // Puts `run`, an open run changed by the caller, into `state`: counts, queue,
  // and the trial if this was its last run. `run` is gone afterwards if the
  // state is an end. Adds the record and an event.
  void Move(v1::Run& run, v1::RunState state, absl::string_view event, Change& change);

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
  // Takes the older of two checkpoints off runs, until `bytes` are free; how many are.
  int64_t DropSpareCheckpoints(int64_t bytes, Change& change);

  // Ends every run that has not ended, and the study.
  void Cancel(Change& change);

  void SetState(v1::StudyState state, absl::string_view event, Change& change);

 private:
  // What is known of a trial before all of its runs have ended.
  struct OpenTrial {
    std::string dataset;  // that its runs need; empty: none
    int64_t num_open = 0;
    // Of each succeeded replicate the values of metrics_; by replicate, so that the
    // means do not depend on who was first.
    std::map<int64_t, std::vector<double>> measured;
    v1::RunCounts ends;
  };

  void NoteEnd(OpenTrial& trial, const v1::Run& run);
  // The values of metrics_ at the end of `run`; not a number where it has none.
  std::vector<double> ValuesOf(const v1::Run& run) const;
  void EndTrial(int64_t number, Change& change);

  v1::Study record_;
  // The objectives, then the constraints.
  const std::vector<std::string> metrics_;
  Search search_;
  std::vector<v1::Trial> trials_;
  std::map<int64_t, OpenTrial> open_trials_;
  std::map<RunKey, v1::Run> open_runs_;
  // Queued runs by the data set that they need.
  std::map<std::string, std::set<RunKey>> queued_;
  // What the search says about the next trial, after all that it was told. Outer
  // empty: not asked yet; inner empty: there is none.
  mutable std::optional<std::optional<Search::Next>> next_;
};

bool IsEnd(v1::RunState state);
// Takes all checkpoints but the last `keep` off `run`; their bytes are garbage.
void DropCheckpoints(v1::Run& run, int keep, Change& change);
bool IsEnd(v1::StudyState state);
// The counter of a state.
void AddRuns(v1::RunCounts& counts, v1::RunState state, int64_t by);

}  // namespace tpsweep::server
