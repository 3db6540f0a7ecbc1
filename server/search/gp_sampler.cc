#include "server/search/gp_sampler.h"

#include <algorithm>
#include <cmath>

#include "common/random.h"
#include "server/search/gaussian_process.h"
#include "server/search/sobol_sampler.h"
#include "server/search/tpe_sampler.h"

namespace tpsweep::server {
namespace {

constexpr int kFitted = 80;  // trials
constexpr int kFitSteps = 30;
// Points at which the improvement is computed: draws, neighbours of the best
// trials, and rounds of ever closer neighbours of the best points so far.
constexpr int kDraws = 256;
constexpr int kBestTrials = 8;
constexpr int kNeighbours = 16;  // of each
constexpr int kBestPoints = 4;
constexpr int kRounds = 6;

// A point near `base`: numbers move by a normal step of size `width`, a choice is drawn
// again now and then.
Point Near(const SearchSpace& space, absl::Span<const double> base, double width,
           RandomStream& random) {
  return space.Fill([&](int i, const Point&) {
    const double from = base[static_cast<size_t>(i)];
    const bool is_choice = space.axis(i).is_categorical();
    if (IsAbsent(from) || (is_choice && random.NextUniform() < width)) {
      return space.axis(i).Draw(random.NextUniform());
    }
    return is_choice ? from : space.axis(i).Snap(from + width * random.NextNormal());
  });
}

// The trials as a GP is given them.
struct Data {
  std::vector<int> rows;   // ended, best first, then those that run
  Eigen::VectorXd values;  // standardised, of `rows`
};

Data Standardised(const History& history) {
  Data data{history.Ranked(), {}};
  const auto is_good = [&history](int row) {
    return history.outcome(row) == Outcome::kMeasured && history.violation(row) == 0;
  };
  std::vector<double> good;
  for (const int row : data.rows) {
    if (is_good(row)) good.push_back(history.objectives(row)[0]);
  }
  if (good.empty()) good.push_back(0);
  // Far above the median it matters no more how far: there a smooth model would only
  // be led astray.
  const double median = good[good.size() / 2];
  const double most = std::max(median + 2 * (median - good.front()), good.front());
  const double worst = std::min(good.back(), most);
  std::vector<double> values;
  for (const int row : data.rows) {
    values.push_back(is_good(row) ? std::min(history.objectives(row)[0], worst) : worst);
  }
  for (int row = 0; row < history.num_rows(); ++row) {
    if (history.outcome(row) != Outcome::kPending) continue;
    data.rows.push_back(row);
    values.push_back(median);
  }
  data.values =
      Eigen::Map<Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
  const double mean = data.values.mean();
  const double deviation = std::sqrt((data.values.array() - mean).square().mean());
  data.values = (data.values.array() - mean) / (deviation > 0 ? deviation : 1);
  return data;
}

GaussianProcess ModelOf(const SearchSpace& space, const History& history, const Data& data,
                        const std::vector<size_t>& which) {
  std::vector<Point> points;
  Eigen::VectorXd values(static_cast<Eigen::Index>(which.size()));
  for (size_t i = 0; i < which.size(); ++i) {
    const auto point = history.point(data.rows[which[i]]);
    points.emplace_back(point.begin(), point.end());
    values[static_cast<Eigen::Index>(i)] = data.values[static_cast<Eigen::Index>(which[i])];
  }
  return {space, std::move(points), std::move(values)};
}

// Indices into data.rows of the trials to which lengths are fitted.
std::vector<size_t> FittedOf(const Data& data) {
  std::vector<size_t> all(data.rows.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  if (all.size() <= kFitted) return all;
  std::sort(all.begin() + kFitted / 2, all.end(),
            [&data](size_t a, size_t b) { return data.rows[a] > data.rows[b]; });
  all.resize(kFitted);
  return all;
}

class GpSampler final : public Sampler {
 public:
  GpSampler(const v1::StudySpec& spec, const SearchSpace& space)
      : space_(space),
        key_(DeriveSeed(spec.search().seed(), "gp")),
        startup_(std::max(8, 2 * space.size())) {}

  std::optional<Proposal> Propose(int64_t number, int attempt,
                                  const History& history) const override {
    if (history.num_ended() < std::min(startup_, kMostStartup)) {
      return Proposal{SobolPoint(space_, key_, number, attempt), "startup"};
    }
    const uint64_t key =
        DeriveSeed(DeriveSeed(key_, static_cast<uint64_t>(number)), static_cast<uint64_t>(attempt));
    if (history.num_ended() > kMostModelled) {
      return Proposal{TpePoint(space_, history, v1::TPE_MODEL_MULTIVARIATE, key),
                      "tpe (gp models at most 500 trials)"};
    }
    std::optional<Point> point = MostImproving(history, key);
    if (!point) {
      return Proposal{TpePoint(space_, history, v1::TPE_MODEL_MULTIVARIATE, key),
                      "tpe (gp found no model)"};
    }
    return Proposal{*std::move(point), "gp"};
  }

 private:
  static constexpr int kMostStartup = 20;

  std::optional<Point> MostImproving(const History& history, uint64_t key) const {
    const Data data = Standardised(history);
    const auto hyperparameters = ModelOf(space_, history, data, FittedOf(data)).Fit(kFitSteps);
    std::vector<size_t> all(data.rows.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    GaussianProcess model = ModelOf(space_, history, data, all);
    if (!model.Condition(hyperparameters)) return std::nullopt;

    RandomStream random(key);
    std::vector<Point> points;
    for (int i = 0; i < kDraws; ++i) {
      points.push_back(space_.Fill(
          [&](int axis, const Point&) { return space_.axis(axis).Draw(random.NextUniform()); }));
    }
    for (size_t i = 0; i < std::min<size_t>(kBestTrials, data.rows.size()); ++i) {
      for (int k = 0; k < kNeighbours; ++k) {
        points.push_back(
            Near(space_, history.point(data.rows[i]), k % 2 == 0 ? 0.1 : 0.02, random));
      }
    }
    const double best = data.values.minCoeff();
    std::vector<std::pair<double, Point>> top = BestOf(model, best, std::move(points), {});
    double width = 0.05;
    for (int round = 0; round < kRounds; ++round, width /= 2) {
      std::vector<Point> nearer;
      for (const auto& [improvement, point] : top) {
        for (int k = 0; k < kNeighbours; ++k) nearer.push_back(Near(space_, point, width, random));
      }
      top = BestOf(model, best, std::move(nearer), std::move(top));
    }
    return top.front().second;
  }

  // The best of `points` and `top`, best first.
  static std::vector<std::pair<double, Point>> BestOf(const GaussianProcess& model, double best,
                                                      std::vector<Point> points,
                                                      std::vector<std::pair<double, Point>> top) {
    Eigen::VectorXd means;
    Eigen::VectorXd deviations;
    model.Predict(points, means, deviations);
    for (size_t i = 0; i < points.size(); ++i) {
      const auto at = static_cast<Eigen::Index>(i);
      top.emplace_back(ExpectedImprovement(best, means[at], deviations[at]), std::move(points[i]));
    }
    std::stable_sort(top.begin(), top.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    top.resize(std::min<size_t>(top.size(), kBestPoints));
    return top;
  }

  const SearchSpace& space_;
  const uint64_t key_;
  const int startup_;
};

}  // namespace

std::unique_ptr<Sampler> MakeGpSampler(const v1::StudySpec& spec, const SearchSpace& space) {
  return std::make_unique<GpSampler>(spec, space);
}

}  // namespace tpsweep::server
