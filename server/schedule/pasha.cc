// Progressive ASHA.
//
// Source: Bohdal et al., "PASHA: Efficient HPO and NAS with Progressive Resource
// Allocation" (2023). The top rung rises while the ranking of the trials in the two
// highest rungs is not stable. It is stable if, for every place in the order of the
// highest rung, its trial is within epsilon of the trial that has this place among the
// same trials in the rung below. epsilon is the noise of the learning curves: the 90th
// percentile of the distances, at their last common rung, of pairs of trials whose curves
// have crossed and crossed back.
#include <algorithm>
#include <cmath>
#include <vector>

#include "server/schedule/asha.h"
#include "server/schedule/schedulers.h"

namespace tpsweep::server {
namespace {

class Pasha final : public PromotingAsha {
 public:
  Pasha(std::vector<int64_t> epochs, int64_t eta)
      : PromotingAsha(std::move(epochs), eta), top_(std::min(2, rungs_.size() - 1)) {}

  // That a trial is on its way to a rung says that it was opened: so nothing depends on
  // the order in which values came.
  void GoOn(int64_t trial, int64_t epochs) override {
    PromotingAsha::GoOn(trial, epochs);
    while (rungs_.epochs(top_) < epochs) ++top_;
  }
  std::optional<Advance> Next() const override {
    const bool may_rise = top_ < rungs_.size() - 1 && !IsStable();
    return PromoteBelow(may_rise ? top_ + 1 : top_);
  }

 private:
  bool IsStable() const {
    std::vector<Place> above;
    for (const Place& place : rungs_.places(top_)) {
      if (rungs_.HasBeenAt(place.trial, top_)) above.push_back(place);
    }
    std::vector<Place> below;
    for (const Place& place : above) below.push_back(rungs_.PlaceOf(place.trial, top_ - 1));
    std::sort(below.begin(), below.end());
    double epsilon = -1;  // found out only if it matters
    for (size_t i = 0; i < above.size(); ++i) {
      if (above[i].trial == below[i].trial) continue;
      if (epsilon < 0) epsilon = Noise(above);
      const double mine = rungs_.PlaceOf(above[i].trial, top_ - 1).value;
      if (!(std::abs(mine - below[i].value) <= epsilon)) return false;
    }
    return true;
  }

  double Noise(const std::vector<Place>& trials) const {
    std::vector<double> distances;
    for (size_t i = 0; i < trials.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        int crossings = 0;
        double difference = 0;
        for (int rung = 0; rung <= top_; ++rung) {
          const double now = rungs_.PlaceOf(trials[i].trial, rung).value -
                             rungs_.PlaceOf(trials[j].trial, rung).value;
          if (now * difference < 0) ++crossings;
          if (now != 0) difference = now;
        }
        if (crossings >= 2) distances.push_back(std::abs(difference));
      }
    }
    if (distances.empty()) return 0;
    const auto at = static_cast<std::ptrdiff_t>(0.9 * static_cast<double>(distances.size() - 1));
    std::nth_element(distances.begin(), distances.begin() + at, distances.end());
    return distances[static_cast<size_t>(at)];
  }

  int top_;  // the highest rung that is open; grows
};

}  // namespace

std::unique_ptr<Scheduler> MakePasha(const v1::StudySpec& spec) {
  const v1::PashaScheduler& pasha = spec.search().scheduler().pasha();
  return std::make_unique<Pasha>(
      GeometricRungs(pasha.first_epoch(), pasha.eta(), spec.training().epochs()), pasha.eta());
}

}  // namespace tpsweep::server
