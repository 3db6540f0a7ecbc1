#include "server/search/tpe_sampler.h"

#include <algorithm>
#include <cmath>

#include "common/random.h"
#include "server/search/parzen.h"
#include "server/search/sobol_sampler.h"

namespace tpsweep::server {
namespace {

// The good trials are the best tenth, but no more than kMostGood.
constexpr double kGoodShare = 0.1;
constexpr double kMostGood = 25;
// Draws from l of which the best is taken.
constexpr int kCandidates = 24;
// Kernels of g: evenly spaced of more trials than that, so that a choice takes
// bounded time.
constexpr int kMostKernels = 400;

struct Split {
  std::vector<int> good;
  std::vector<int> others;
};

Split SplitOf(const History& history) {
  Split split;
  const std::vector<int> ranked = history.Ranked();
  const auto n = static_cast<double>(ranked.size());
  const double good = std::min(kMostGood, std::ceil(kGoodShare * n));
  split.good.assign(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(good));
  split.others.assign(ranked.begin() + static_cast<std::ptrdiff_t>(good), ranked.end());
  for (int row = 0; row < history.num_rows(); ++row) {
    if (history.outcome(row) == Outcome::kPending) split.others.push_back(row);
  }
  std::sort(split.others.begin(), split.others.end());
  if (split.others.size() > kMostKernels) {
    std::vector<int> some;
    for (size_t i = 0; i < kMostKernels; ++i) {
      some.push_back(split.others[(i + 1) * split.others.size() / kMostKernels - 1]);
    }
    split.others = std::move(some);
  }
  return split;
}

std::vector<double> Column(const History& history, const std::vector<int>& rows, int i,
                           bool with_absent) {
  std::vector<double> column;
  for (const int row : rows) {
    const double x = history.point(row)[static_cast<size_t>(i)];
    if (with_absent || !IsAbsent(x)) column.push_back(x);
  }
  return column;
}

// All parameters together.
class Joint {
 public:
  Joint(const SearchSpace& space, const History& history, const std::vector<int>& rows)
      : space_(space), num_kernels_(static_cast<int>(rows.size())) {
    // Scott's rule.
    const double factor =
        std::pow(std::max(1.0, static_cast<double>(rows.size())), -1.0 / (space.size() + 4));
    for (int i = 0; i < space.size(); ++i) {
      axes_.push_back(ParzenAxis::BySpread(space.axis(i), Column(history, rows, i, true), factor));
    }
  }

  Point Draw(RandomStream& random) const {
    const auto k = static_cast<int>(random.NextBelow(static_cast<uint64_t>(num_kernels_) + 1));
    return space_.Fill(
        [&](int i, const Point&) { return axes_[static_cast<size_t>(i)].Draw(k, random); });
  }

  double LogDensity(const Point& point) const {
    Eigen::ArrayXd logs = Eigen::ArrayXd::Zero(num_kernels_ + 1);
    for (size_t i = 0; i < axes_.size(); ++i) {
      if (!IsAbsent(point[i])) axes_[i].AddLogDensities(point[i], logs);
    }
    return LogMeanExp(logs);
  }

 private:
  const SearchSpace& space_;
  const int num_kernels_;
  std::vector<ParzenAxis> axes_;
};

Point JointPoint(const SearchSpace& space, const History& history, RandomStream& random) {
  const Split split = SplitOf(history);
  const Joint good(space, history, split.good);
  const Joint others(space, history, split.others);
  Point best;
  double best_score = -INFINITY;
  for (int i = 0; i < kCandidates; ++i) {
    Point point = good.Draw(random);
    const double score = good.LogDensity(point) - others.LogDensity(point);
    if (score <= best_score) continue;
    best_score = score;
    best = std::move(point);
  }
  return best;
}

double ChooseAlone(const Axis& axis, const std::vector<double>& good_around,
                   const std::vector<double>& others_around, RandomStream& random) {
  const ParzenAxis good = ParzenAxis::ByNeighbours(axis, good_around);
  const ParzenAxis others = ParzenAxis::ByNeighbours(axis, others_around);
  double best = kAbsent;
  double best_score = -INFINITY;
  for (int i = 0; i < kCandidates; ++i) {
    const auto k =
        static_cast<int>(random.NextBelow(static_cast<uint64_t>(good.num_kernels()) + 1));
    const double x = good.Draw(k, random);
    Eigen::ArrayXd good_logs = Eigen::ArrayXd::Zero(good.num_kernels() + 1);
    Eigen::ArrayXd other_logs = Eigen::ArrayXd::Zero(others.num_kernels() + 1);
    good.AddLogDensities(x, good_logs);
    others.AddLogDensities(x, other_logs);
    const double score = LogMeanExp(good_logs) - LogMeanExp(other_logs);
    if (score <= best_score) continue;
    best_score = score;
    best = x;
  }
  return best;
}

Point PointOfEach(const SearchSpace& space, const History& history, RandomStream& random) {
  const Split split = SplitOf(history);
  return space.Fill([&](int i, const Point&) {
    return ChooseAlone(space.axis(i), Column(history, split.good, i, false),
                       Column(history, split.others, i, false), random);
  });
}

class TpeSampler final : public Sampler {
 public:
  TpeSampler(const v1::StudySpec& spec, const SearchSpace& space)
      : space_(space),
        options_(spec.search().sampler().tpe()),
        key_(DeriveSeed(spec.search().seed(), "tpe")) {}

  std::optional<Proposal> Propose(int64_t number, int attempt,
                                  const History& history) const override {
    if (history.num_ended() < options_.startup()) {
      return Proposal{SobolPoint(space_, key_, number, attempt), "startup"};
    }
    const uint64_t key =
        DeriveSeed(DeriveSeed(key_, static_cast<uint64_t>(number)), static_cast<uint64_t>(attempt));
    const bool is_odd = number % 2 == 1;
    const v1::TpeModel model = options_.model() != v1::TPE_MODEL_BOTH ? options_.model()
                               : is_odd                               ? v1::TPE_MODEL_UNIVARIATE
                                                                      : v1::TPE_MODEL_MULTIVARIATE;
    return Proposal{TpePoint(space_, history, model, key), "tpe"};
  }

 private:
  const SearchSpace& space_;
  const v1::TpeSampler options_;
  const uint64_t key_;
};

}  // namespace

Point TpePoint(const SearchSpace& space, const History& history, v1::TpeModel model, uint64_t key) {
  RandomStream random(key);
  return model == v1::TPE_MODEL_UNIVARIATE ? PointOfEach(space, history, random)
                                           : JointPoint(space, history, random);
}

std::unique_ptr<Sampler> MakeTpeSampler(const v1::StudySpec& spec, const SearchSpace& space) {
  return std::make_unique<TpeSampler>(spec, space);
}

}  // namespace tpsweep::server
