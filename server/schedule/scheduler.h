// Decides how far the trials of a study are trained.
//
// A scheduler is pure: it knows no clock, no store and no RPC. It is told which trials
// begin, wait at a rung with a value, go on and end, and what it says next depends on
// these facts alone, not on the order in which it was told: so a server started again
// on its records decides alike. The one exception is by intention: rules that stop
// trials for good judge a trial by those that were there when it came, and it is told
// of that decision like of any fact.
//
// Values are smaller for better trials; not a number is worse than all.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // Epochs to which trial `number` (0, 1, ...) is trained first.
  virtual int64_t FirstStop(int64_t number) const = 0;

  // The facts. Trials begin in order of number, and only then may the others be said of
  // them. All of a trial's runs are at `epochs`, which was its stop.
  virtual void Begin(int64_t trial) = 0;
  virtual void Wait(int64_t trial, int64_t epochs, double value) = 0;
  // A waiting trial goes on, to the stop at `epochs`.
  virtual void GoOn(int64_t trial, int64_t epochs) = 0;
  // It was trained to its end, failed, or was stopped; `is_bad` if it did not get to its
  // stop because it is no good.
  virtual void End(int64_t trial, bool is_bad) = 0;
  // No further trial will begin.
  virtual void Close() = 0;

  // The waiting trial that goes on next, and to which stop; none if none does now.
  struct Advance {
    int64_t trial;
    int64_t epochs;
    friend bool operator==(const Advance&, const Advance&) = default;
  };
  virtual std::optional<Advance> Next() const = 0;

  // A trial to be made that goes on from where a waiting one is, in place of one that is no
  // good: that one is to be stopped, if it has not ended. Asked for before Next, because
  // whoever goes on leaves behind what others would begin from. If the trial is not made
  // (there is no budget), what Next and Beaten say does without it.
  struct Fork {
    int64_t parent;
    int64_t replaces;
    int64_t epochs;  // where it begins
    int64_t stop;    // to which it is trained first
    friend bool operator==(const Fork&, const Fork&) = default;
  };
  virtual std::optional<Fork> NextFork() const { return std::nullopt; }
  // The next trial in order of number is that: it begins at `epochs`.
  virtual void BeginFork(int64_t /*trial*/, int64_t /*replaces*/, int64_t /*epochs*/) {}

  // A waiting trial that will never go on, if one is known. (Those that wait when
  // nothing is trained any more and Next says nothing need not be named.)
  virtual std::optional<int64_t> Beaten() const = 0;

  // Where `trial` is in the order of its rung, and what it would take to go on: for people.
  // Empty if it is at none.
  struct Names {
    std::function<std::string(int64_t trial)> of;
    double sign;  // values are shown times this
  };
  virtual std::string Explain(int64_t trial, const Names& names) const = 0;
};

// The scheduler that a validated spec asks for.
std::unique_ptr<Scheduler> MakeScheduler(const v1::StudySpec& spec);

// One row a scheduler; tests/conformance runs over all of them.
struct SchedulerEntry {
  v1::Scheduler::AlgorithmCase kind;
  std::unique_ptr<Scheduler> (*make)(const v1::StudySpec& spec);
};
absl::Span<const SchedulerEntry> Schedulers();

}  // namespace tpsweep::server
