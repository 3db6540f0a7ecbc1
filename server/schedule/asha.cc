#include "server/schedule/asha.h"

#include <algorithm>
#include <limits>

#include "server/schedule/schedulers.h"

namespace tpsweep::server {
namespace {

constexpr double kWorst = std::numeric_limits<double>::infinity();

// A trial at a rung goes on if it is among the best 1/eta (one at least) of all that
// were there so far, itself among them.
class StoppingAsha final : public RungScheduler {
 public:
  StoppingAsha(std::vector<int64_t> epochs, int64_t eta)
      : RungScheduler(std::move(epochs)), eta_(eta) {}

  std::optional<Advance> Next() const override {
    for (const auto& [trial, rung] : rungs_.waiting()) {
      if (IsGood(trial, rung)) return ToNextRung(trial, rung);
    }
    return std::nullopt;
  }
  std::optional<int64_t> Beaten() const override {
    for (const auto& [trial, rung] : rungs_.waiting()) {
      if (!IsGood(trial, rung)) return trial;
    }
    return std::nullopt;
  }

 private:
  int64_t May(int rung) const override {
    return std::max<int64_t>(1, static_cast<int64_t>(rungs_.places(rung).size()) / eta_);
  }
  bool IsGood(int64_t trial, int rung) const {
    const std::set<Place>& places = rungs_.places(rung);
    const int64_t may = May(rung);
    const Place place = rungs_.PlaceOf(trial, rung);
    if (place.value == kWorst) return false;
    int64_t better = 0;
    for (auto it = places.begin(); it != places.end() && *it < place; ++it) {
      if (++better == may) return false;
    }
    return true;
  }

  const int64_t eta_;
};

}  // namespace

std::optional<Scheduler::Advance> PromotingAsha::PromoteBelow(int top) const {
  for (int rung = top - 1; rung >= 0; --rung) {
    int64_t may = May(rung);
    for (const Place& place : rungs_.places(rung)) {
      if (may-- == 0 || place.value == kWorst) break;
      if (rungs_.WaitsAt(place.trial) == rung) return ToNextRung(place.trial, rung);
    }
  }
  return std::nullopt;
}

std::unique_ptr<Scheduler> MakeAsha(const v1::StudySpec& spec) {
  const v1::AshaScheduler& asha = spec.search().scheduler().asha();
  std::vector<int64_t> epochs =
      GeometricRungs(asha.first_epoch(), asha.eta(), spec.training().epochs());
  if (asha.form() == v1::ASHA_FORM_STOP) {
    return std::make_unique<StoppingAsha>(std::move(epochs), asha.eta());
  }
  return std::make_unique<PromotingAsha>(std::move(epochs), asha.eta());
}

}  // namespace tpsweep::server
