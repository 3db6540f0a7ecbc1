#include "server/search/cma_es.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace tpsweep::server {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// Minimises `f`; the number of evaluations until it is below 1e-9, at most `limit`.
int Evaluations(CmaEs strategy, const std::function<double(const VectorXd&)>& f, int limit) {
  RandomStream random(1);
  for (int used = 0; used < limit;) {
    std::vector<std::pair<double, VectorXd>> drawn;
    for (int i = 0; i < strategy.population(); ++i, ++used) {
      const VectorXd x = strategy.Draw(random);
      drawn.emplace_back(f(x), x);
    }
    std::sort(drawn.begin(), drawn.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    if (drawn[0].first < 1e-9) return used;
    MatrixXd points(drawn[0].second.size(), strategy.population());
    for (int i = 0; i < strategy.population(); ++i) {
      points.col(i) = drawn[static_cast<size_t>(i)].second;
    }
    strategy.Tell(points);
  }
  return limit;
}

TEST(CmaEsTest, DefaultPopulations) {
  EXPECT_EQ(CmaEs::DefaultPopulation(2), 6);
  EXPECT_EQ(CmaEs::DefaultPopulation(10), 10);
}

// The literature needs about 2000 evaluations in 10 dimensions.
TEST(CmaEsTest, ASphereTakesAFewHundredEvaluationsPerDimension) {
  const CmaEs strategy(VectorXd::Constant(10, 3), VectorXd::Constant(10, 1), 10);
  const auto sphere = [](const VectorXd& x) { return x.squaredNorm(); };
  EXPECT_LT(Evaluations(strategy, sphere, 5000), 2600);
}

TEST(CmaEsTest, TheCovarianceLearnsAnIllConditionedRotatedEllipsoid) {
  const auto ellipsoid = [](const VectorXd& x) {
    const double along = (x[0] + x[1]) / std::sqrt(2);
    const double across = (x[0] - x[1]) / std::sqrt(2);
    return along * along + 1e6 * across * across;
  };
  const CmaEs strategy(VectorXd::Constant(2, 1), VectorXd::Constant(2, 0.5), 6);
  EXPECT_LT(Evaluations(strategy, ellipsoid, 5000), 1500);
}

TEST(CmaEsTest, FirstDrawsHaveTheDeviationsAskedFor) {
  VectorXd deviations(2);
  deviations << 0.1, 0.4;
  const CmaEs strategy(VectorXd::Constant(2, 0.5), deviations, 6);
  RandomStream random(5);
  VectorXd squares = VectorXd::Zero(2);
  constexpr int kDraws = 4000;
  for (int i = 0; i < kDraws; ++i) {
    squares += (strategy.Draw(random).array() - 0.5).square().matrix();
  }
  EXPECT_NEAR(std::sqrt(squares[0] / kDraws), 0.1, 0.005);
  EXPECT_NEAR(std::sqrt(squares[1] / kDraws), 0.4, 0.02);
}

// A point from elsewhere pulls the mean no further than a draw could.
TEST(CmaEsTest, FarPointsAreCutToALikelyLength) {
  CmaEs strategy(VectorXd::Zero(2), VectorXd::Constant(2, 0.1), 6);
  MatrixXd points = MatrixXd::Constant(2, 6, 1000);
  strategy.Tell(points);
  EXPECT_LT(strategy.mean().norm(), 0.1 * (std::sqrt(2) + 1) + 1e-9);
}

}  // namespace
}  // namespace tpsweep::server
