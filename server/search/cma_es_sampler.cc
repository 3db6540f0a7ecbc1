#include "server/search/cma_es_sampler.h"

#include <algorithm>

#include "common/random.h"
#include "server/search/cma_es.h"
#include "server/search/tpe_sampler.h"

namespace tpsweep::server {
namespace {

constexpr double kFirstDeviation = 0.25;
constexpr double kSmallestSpread = 1e-5;
constexpr int kMostPopulation = 1000;

class CmaEsSampler final : public Sampler {
 public:
  CmaEsSampler(const v1::StudySpec& spec, const SearchSpace& space)
      : space_(space), key_(DeriveSeed(spec.search().seed(), "cma_es")) {
    for (int i = 0; i < space.size(); ++i) {
      if (!space.axis(i).is_categorical() && space.ConditionsOf(i).empty()) axes_.push_back(i);
    }
  }

  std::optional<Proposal> Propose(int64_t number, int attempt,
                                  const History& history) const override {
    const CmaEs strategy = Replay(history);
    const uint64_t key =
        DeriveSeed(DeriveSeed(key_, static_cast<uint64_t>(number)), static_cast<uint64_t>(attempt));
    RandomStream random(key);
    Eigen::VectorXd drawn = strategy.Draw(random);
    for (int tries = 0; tries < 50 && !IsInside(drawn); ++tries) drawn = strategy.Draw(random);
    if (axes_.size() == static_cast<size_t>(space_.size())) {
      return Proposal{Placed(drawn, Point(axes_.size(), kAbsent)), "cma_es"};
    }
    const bool is_first = history.num_ended() < strategy.population();
    const Point others =
        is_first ? space_.Draw(key, number, attempt)
                 : TpePoint(space_, history, v1::TPE_MODEL_UNIVARIATE, DeriveSeed(key, "others"));
    return Proposal{Placed(drawn, others), "cma_es"};
  }

 private:
  static bool IsInside(const Eigen::VectorXd& x) { return x.minCoeff() >= 0 && x.maxCoeff() <= 1; }

  // `others` with the numbers that the strategy chose; what exists may change with them.
  Point Placed(const Eigen::VectorXd& drawn, const Point& others) const {
    return space_.Fill([&](int i, const Point&) {
      const auto at = std::lower_bound(axes_.begin(), axes_.end(), i);
      if (at != axes_.end() && *at == i) {
        return space_.axis(i).Snap(std::clamp(drawn[at - axes_.begin()], 0.0, 1.0));
      }
      const double other = others[static_cast<size_t>(i)];
      return IsAbsent(other) ? space_.DrawCoordinate(i, key_, 0, 0) : other;
    });
  }

  CmaEs Start(int restart, int population) const {
    const auto n = static_cast<Eigen::Index>(axes_.size());
    Eigen::VectorXd mean(n);
    Eigen::VectorXd deviations(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      const Axis& axis = space_.axis(axes_[static_cast<size_t>(i)]);
      mean[i] = axis.has_prior() ? axis.prior() : 0.5;
      if (restart > 0) {
        mean[i] = axis.Draw(UniformAt(key_, restart, static_cast<uint32_t>(i), 1));
      }
      deviations[i] = kFirstDeviation * (1 - axis.trust() / 2);
    }
    return {std::move(mean), deviations, population};
  }

  CmaEs Replay(const History& history) const {
    const std::vector<int> ranked = history.Ranked();
    std::vector<int> places(static_cast<size_t>(history.num_rows()));
    for (size_t place = 0; place < ranked.size(); ++place) {
      places[static_cast<size_t>(ranked[place])] = static_cast<int>(place);
    }
    std::vector<int> rows = ranked;
    std::sort(rows.begin(), rows.end());
    // Imported trials may lack a number.
    std::erase_if(rows, [&](int row) {
      return std::any_of(axes_.begin(), axes_.end(), [&](int i) {
        return IsAbsent(history.point(row)[static_cast<size_t>(i)]);
      });
    });
    int restart = 0;
    CmaEs strategy = Start(0, CmaEs::DefaultPopulation(static_cast<int>(axes_.size())));
    auto begin = rows.begin();
    while (rows.end() - begin >= strategy.population()) {
      const auto end = begin + strategy.population();
      std::sort(begin, end, [&places](int a, int b) {
        return places[static_cast<size_t>(a)] < places[static_cast<size_t>(b)];
      });
      Eigen::MatrixXd points(static_cast<Eigen::Index>(axes_.size()), strategy.population());
      for (auto row = begin; row != end; ++row) {
        for (size_t i = 0; i < axes_.size(); ++i) {
          points(static_cast<Eigen::Index>(i), row - begin) =
              history.point(*row)[static_cast<size_t>(axes_[i])];
        }
      }
      strategy.Tell(points);
      begin = end;
      if (strategy.spread() < kSmallestSpread) {
        ++restart;
        const int population = std::min(2 * strategy.population(), kMostPopulation);
        strategy = Start(restart, population);
      }
    }
    return strategy;
  }

  const SearchSpace& space_;
  const uint64_t key_;
  std::vector<int> axes_;  // of the numbers that exist everywhere, ascending
};

}  // namespace

std::unique_ptr<Sampler> MakeCmaEsSampler(const v1::StudySpec& spec, const SearchSpace& space) {
  return std::make_unique<CmaEsSampler>(spec, space);
}

}  // namespace tpsweep::server
