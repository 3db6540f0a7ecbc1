// Who was where, with which value: what most schedulers decide from.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "server/schedule/scheduler.h"

namespace tpsweep::server {

// A trial at a rung; the better one is less. Equals by number.
struct Place {
  double value;  // infinity for what is worse than all
  int64_t trial;
  friend auto operator<=>(const Place&, const Place&) = default;  // NOLINT(modernize-use-nullptr)
};

// first, first * eta, first * eta^2, ... below `last`, then `last`.
std::vector<int64_t> GeometricRungs(int64_t first, int64_t eta, int64_t last);
// first, first + step, first + 2 * step, ... below `last`, then `last`.
std::vector<int64_t> EvenRungs(int64_t first, int64_t step, int64_t last);

class Rungs {
 public:
  // `epochs` rise.
  explicit Rungs(std::vector<int64_t> epochs);

  int size() const { return static_cast<int>(epochs_.size()); }
  int64_t epochs(int rung) const { return epochs_[At(rung)]; }
  // All trials that came to the rung, and those whose way to it ended badly.
  const std::set<Place>& places(int rung) const { return places_[At(rung)]; }

  // The rung where a trial is, if it waits.
  std::optional<int> WaitsAt(int64_t trial) const;
  // The waiting trials and their rungs, by trial.
  const std::map<int64_t, int>& waiting() const { return waiting_; }
  // Trials on their way to the rung.
  int64_t num_coming(int rung) const { return num_coming_[At(rung)]; }
  // Whether the trial came to the rung.
  bool HasBeenAt(int64_t trial, int rung) const {
    const auto found = values_.find(trial);
    return found != values_.end() && At(rung) < found->second.size();
  }
  // Place of a trial at a rung where it was.
  Place PlaceOf(int64_t trial, int rung) const;

  // "waits after epoch 3 with 0.31, place 5 of 9; ..." if the trial waits, or "is on its way
  // to the rung of epoch 9"; of the trials at a rung `may(rung)` go on.
  std::string Explain(int64_t trial, const std::function<int64_t(int rung)>& may,
                      const Scheduler::Names& names) const;

  // The facts, as Scheduler has them.
  void Begin(int64_t trial, int rung);
  void Wait(int64_t trial, double value);
  void GoOn(int64_t trial, int rung);
  void End(int64_t trial, bool is_bad);

 private:
  static size_t At(int rung) { return static_cast<size_t>(rung); }

  const std::vector<int64_t> epochs_;
  std::vector<std::set<Place>> places_;
  std::vector<int64_t> num_coming_;
  std::map<int64_t, int> coming_;                  // trial to the rung it is on its way to
  std::map<int64_t, int> waiting_;                 // trial to the rung it is at
  std::map<int64_t, std::vector<double>> values_;  // of each trial at the rungs it was at
};

// A scheduler whose trials all begin at the same rung.
class RungScheduler : public Scheduler {
 public:
  explicit RungScheduler(std::vector<int64_t> epochs) : rungs_(std::move(epochs)) {}

  int64_t FirstStop(int64_t) const override { return rungs_.epochs(0); }
  void Begin(int64_t trial) override { rungs_.Begin(trial, 0); }
  void Wait(int64_t trial, int64_t, double value) override { rungs_.Wait(trial, value); }
  void GoOn(int64_t trial, int64_t) override { rungs_.GoOn(trial, *rungs_.WaitsAt(trial) + 1); }
  void End(int64_t trial, bool is_bad) override { rungs_.End(trial, is_bad); }
  void Close() override { is_closed_ = true; }
  std::optional<int64_t> Beaten() const override { return std::nullopt; }
  std::string Explain(int64_t trial, const Names& names) const override {
    return rungs_.Explain(
        trial, [this](int rung) { return May(rung); }, names);
  }

 protected:
  // How many of those at the rung go on now.
  virtual int64_t May(int rung) const = 0;

  Advance ToNextRung(int64_t trial, int rung) const { return {trial, rungs_.epochs(rung + 1)}; }

  Rungs rungs_;
  bool is_closed_ = false;
};

}  // namespace tpsweep::server
