// The median rule.
//
// Source: Golovin et al., "Google Vizier" (2017), section 3.2.2: a trial is stopped at a
// step if its best value by then is strictly worse than the median, over the other
// trials, of the running averages of their values up to the step.
#include <algorithm>
#include <numeric>

#include "server/schedule/rungs.h"
#include "server/schedule/schedulers.h"

namespace tpsweep::server {
namespace {

class Median final : public RungScheduler {
 public:
  Median(std::vector<int64_t> epochs, int min_trials)
      : RungScheduler(std::move(epochs)), min_trials_(static_cast<size_t>(min_trials)) {}

  std::optional<Advance> Next() const override {
    for (const auto& [trial, rung] : rungs_.waiting()) {
      if (!IsBelowMedian(trial, rung)) return ToNextRung(trial, rung);
    }
    return std::nullopt;
  }
  std::optional<int64_t> Beaten() const override {
    for (const auto& [trial, rung] : rungs_.waiting()) {
      if (IsBelowMedian(trial, rung)) return trial;
    }
    return std::nullopt;
  }

 private:
  // About half of them; by their histories, so that the order at the rung does not say it.
  int64_t May(int rung) const override {
    return static_cast<int64_t>(rungs_.places(rung).size() + 1) / 2;
  }
  bool IsBelowMedian(int64_t trial, int rung) const {
    std::vector<double> means;
    for (const Place& other : rungs_.places(rung)) {
      if (other.trial == trial || !rungs_.HasBeenAt(other.trial, rung)) continue;
      double sum = 0;
      for (int r = 0; r <= rung; ++r) sum += rungs_.PlaceOf(other.trial, r).value;
      means.push_back(sum / (rung + 1));
    }
    if (means.size() < min_trials_) return false;
    double best = rungs_.PlaceOf(trial, 0).value;
    for (int r = 1; r <= rung; ++r) best = std::min(best, rungs_.PlaceOf(trial, r).value);
    const auto middle = means.begin() + static_cast<std::ptrdiff_t>(means.size() / 2);
    std::nth_element(means.begin(), middle, means.end());
    double median = *middle;
    if (means.size() % 2 == 0) median = (median + *std::max_element(means.begin(), middle)) / 2;
    return best > median;
  }

  const size_t min_trials_;
};

}  // namespace

std::unique_ptr<Scheduler> MakeMedian(const v1::StudySpec& spec) {
  const v1::MedianScheduler& median = spec.search().scheduler().median();
  return std::make_unique<Median>(
      EvenRungs(median.first_epoch(), median.every(), spec.training().epochs()),
      median.min_trials());
}

}  // namespace tpsweep::server
