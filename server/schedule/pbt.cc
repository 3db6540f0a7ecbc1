// Population-based training.
//
// Source: Jaderberg et al., "Population Based Training of Neural Networks" (2017),
// algorithm 1 with truncation selection (section 4.1.1). It differs in one thing: the
// members wait for one another at a rung. So who goes on from whom does not depend on
// which result came first. Trials that ended badly on their way are the worst of their rung.
#include <algorithm>
#include <limits>
#include <set>

#include "common/random.h"
#include "server/schedule/rungs.h"
#include "server/schedule/schedulers.h"

namespace tpsweep::server {
namespace {

class Pbt final : public RungScheduler {
 public:
  Pbt(std::vector<int64_t> epochs, const v1::PbtScheduler& pbt, uint64_t seed)
      : RungScheduler(std::move(epochs)),
        population_(pbt.population()),
        quantile_(pbt.quantile()),
        key_(DeriveSeed(seed, "pbt parent")) {}

  void Begin(int64_t trial) override {
    RungScheduler::Begin(trial);
    ++num_first_;
    ++num_begun_;
  }
  void BeginFork(int64_t trial, int64_t replaces, int64_t epochs) override {
    int rung = 0;
    while (rungs_.epochs(rung) <= epochs) ++rung;
    rungs_.Begin(trial, rung);
    replaced_.insert(replaces);
    ++num_begun_;
  }

  std::optional<Fork> NextFork() const override {
    const std::optional<Generation> at = Decided();
    if (!at || !at->are_all_there) return std::nullopt;
    for (const int64_t beaten : at->beaten) {
      // Stopped at this rung without a successor: there was no budget for one.
      const bool is_settled = rungs_.HasBeenAt(beaten, at->rung) && !rungs_.WaitsAt(beaten);
      if (replaced_.contains(beaten) || is_settled) continue;
      RandomStream random(DeriveSeed(key_, static_cast<uint64_t>(num_begun_)));
      const uint64_t drawn = random.NextBelow(static_cast<uint64_t>(at->num_parents));
      return Fork{at->good[static_cast<size_t>(drawn)], beaten, rungs_.epochs(at->rung),
                  rungs_.epochs(at->rung + 1)};
    }
    return std::nullopt;
  }
  std::optional<Advance> Next() const override {
    const std::optional<Generation> at = Decided();
    if (!at) return std::nullopt;
    for (const int64_t trial : at->good) {
      if (rungs_.WaitsAt(trial) == at->rung) return ToNextRung(trial, at->rung);
    }
    return std::nullopt;
  }
  std::optional<int64_t> Beaten() const override {
    const std::optional<Generation> at = Decided();
    if (!at || at->are_all_there) return std::nullopt;  // they are replaced first
    for (const int64_t trial : at->beaten) {
      if (rungs_.WaitsAt(trial) == at->rung) return trial;
    }
    return std::nullopt;
  }

 private:
  // The trials at a rung, sorted out.
  struct Generation {
    int rung;
    std::vector<int64_t> good;  // they go on; best first
    int64_t num_parents;        // the first of these
    std::vector<int64_t> beaten;
    // The good ones still wait, and there is one: so there are checkpoints to go on from.
    bool are_all_there;
  };
  // How many of the trials at a rung are replaced.
  int64_t NumBeaten(const std::set<Place>& places) const {
    const auto all = static_cast<int64_t>(places.size());
    const auto bad = std::count_if(places.begin(), places.end(), [](const Place& place) {
      return place.value == std::numeric_limits<double>::infinity();
    });
    return std::max<int64_t>(NumWorst(all), bad);
  }
  int64_t NumWorst(int64_t all) const {
    const auto share = static_cast<int64_t>(quantile_ * static_cast<double>(all));
    return std::min(std::max<int64_t>(share, 1), all / 2);
  }
  bool IsDecided(int rung) const {
    if (num_first_ < population_ && !is_closed_) return false;
    for (int lower = 0; lower <= rung; ++lower) {
      if (rungs_.num_coming(lower) > 0) return false;
    }
    return true;
  }
  // The lowest rung where somebody waits, once all are there that will be.
  std::optional<Generation> Decided() const {
    const auto lowest =
        std::min_element(rungs_.waiting().begin(), rungs_.waiting().end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (lowest == rungs_.waiting().end() || !IsDecided(lowest->second)) return std::nullopt;
    const std::set<Place>& places = rungs_.places(lowest->second);
    const auto all = static_cast<int64_t>(places.size());
    const int64_t num_good = all - NumBeaten(places);
    Generation at{lowest->second, {}, std::min(NumWorst(all), num_good), {}, num_good > 0};
    for (const Place& place : places) {
      const bool is_good = static_cast<int64_t>(at.good.size()) < num_good;
      (is_good ? at.good : at.beaten).push_back(place.trial);
      if (is_good && rungs_.WaitsAt(place.trial) != at.rung) at.are_all_there = false;
    }
    std::sort(at.beaten.begin(), at.beaten.end());
    return at;
  }
  int64_t May(int rung) const override {
    const std::set<Place>& places = rungs_.places(rung);
    return IsDecided(rung) ? static_cast<int64_t>(places.size()) - NumBeaten(places) : 0;
  }

  const int64_t population_;
  const double quantile_;
  const uint64_t key_;
  int64_t num_first_ = 0;  // of the trials that have begun, those that go on from no other
  int64_t num_begun_ = 0;
  std::set<int64_t> replaced_;
};

}  // namespace

std::unique_ptr<Scheduler> MakePbt(const v1::StudySpec& spec) {
  const v1::PbtScheduler& pbt = spec.search().scheduler().pbt();
  return std::make_unique<Pbt>(EvenRungs(pbt.every(), pbt.every(), spec.training().epochs()), pbt,
                               spec.search().seed());
}

}  // namespace tpsweep::server
