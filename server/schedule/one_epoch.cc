// Every trial for one epoch, then the best to the end.
//
// Source: Egele et al., "Is One Epoch All You Need For Multi-Fidelity Hyperparameter
// Optimization?" (2023).
#include <limits>

#include "server/schedule/rungs.h"
#include "server/schedule/schedulers.h"

namespace tpsweep::server {
namespace {

class OneEpoch final : public RungScheduler {
 public:
  OneEpoch(std::vector<int64_t> epochs, int64_t best)
      : RungScheduler(std::move(epochs)), best_(best) {}

  std::optional<Advance> Next() const override {
    if (!is_decided()) return std::nullopt;
    int64_t may = best_;
    for (const Place& place : rungs_.places(0)) {
      if (may-- == 0 || place.value == std::numeric_limits<double>::infinity()) break;
      if (rungs_.WaitsAt(place.trial) == 0) return ToNextRung(place.trial, 0);
    }
    return std::nullopt;
  }
  std::optional<int64_t> Beaten() const override {
    if (!is_decided() || Next() || rungs_.waiting().empty()) return std::nullopt;
    return rungs_.waiting().begin()->first;
  }

 private:
  int64_t May(int) const override { return is_decided() ? best_ : 0; }
  bool is_decided() const { return is_closed_ && rungs_.num_coming(0) == 0; }

  const int64_t best_;
};

}  // namespace

std::unique_ptr<Scheduler> MakeOneEpoch(const v1::StudySpec& spec) {
  const v1::OneEpochScheduler& one = spec.search().scheduler().one_epoch();
  return std::make_unique<OneEpoch>(
      std::vector<int64_t>{one.first_epoch(), spec.training().epochs()}, one.best());
}

}  // namespace tpsweep::server
