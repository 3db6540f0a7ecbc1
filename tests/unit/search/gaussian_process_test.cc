#include "server/search/gaussian_process.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/fakes/search_specs.h"

namespace tpsweep::server {
namespace {

using Eigen::VectorXd;

TEST(ExpectedImprovementTest, KnownNumbers) {
  // phi(0) = 0.398942; Phi(1) = 0.841345, phi(1) = 0.241971.
  EXPECT_NEAR(ExpectedImprovement(0, 0, 1), 0.398942, 1e-6);
  EXPECT_NEAR(ExpectedImprovement(1, 0, 1), 0.841345 + 0.241971, 1e-5);
  EXPECT_NEAR(ExpectedImprovement(0, 2, 2), 2 * (-0.158655 + 0.241971), 1e-5);
  EXPECT_EQ(ExpectedImprovement(3, 1, 0), 2);
  EXPECT_EQ(ExpectedImprovement(1, 3, 0), 0);
}

// Two points at distance 0.5 with length 0.5, so r = 1: k = (1 + sqrt 5 + 5/3) exp(-sqrt 5)
// = 0.523994. With unit signal and no noise, in the middle, at r = 0.5: k* = 0.828649.
TEST(GaussianProcessTest, TwoPointsByHand) {
  const SearchSpace space(SpaceBuilder().Linear("x", 0, 1).Random(1));
  VectorXd values(2);
  values << 1, -1;
  GaussianProcess process(space, {{0.25}, {0.75}}, values);
  VectorXd with(3);
  with << std::log(0.5), 0, std::log(1e-12);
  ASSERT_TRUE(process.Condition(with));
  VectorXd means;
  VectorXd deviations;
  const std::vector<Point> at = {{0.25}, {0.5}, {0.75}};
  process.Predict(at, means, deviations);
  EXPECT_NEAR(means[0], 1, 1e-5);
  EXPECT_NEAR(means[1], 0, 1e-9);
  EXPECT_NEAR(means[2], -1, 1e-5);
  EXPECT_NEAR(deviations[0], 0, 2e-3);
  const double k = 0.523994;
  const double near = 0.828649;
  EXPECT_NEAR(deviations[1], std::sqrt(1 - 2 * near * near / (1 + k)), 1e-5);
}

TEST(GaussianProcessTest, GradientIsThatOfTheLogPosterior) {
  const SearchSpace space(
      SpaceBuilder().Linear("x", 0, 1).Linear("y", 0, 1).Boolean("z").Random(1));
  std::vector<Point> points;
  VectorXd values(9);
  for (int i = 0; i < 9; ++i) {
    const double x = 0.1 + 0.09 * i;
    const double y = std::fmod(0.37 * i, 1);
    points.push_back({x, y, static_cast<double>(i % 2)});
    values[i] = std::sin(5 * x) + y + i % 2;
  }
  const GaussianProcess process(space, points, values);
  VectorXd at = GaussianProcess::Typical(3);
  at[0] += 0.3;
  at[4] += 2;
  VectorXd gradient;
  process.LogPosterior(at, gradient);
  VectorXd unused;
  for (int d = 0; d < 5; ++d) {
    constexpr double kStep = 1e-5;
    VectorXd above = at;
    VectorXd below = at;
    above[d] += kStep;
    below[d] -= kStep;
    const double slope =
        (process.LogPosterior(above, unused) - process.LogPosterior(below, unused)) / (2 * kStep);
    EXPECT_NEAR(gradient[d], slope, 1e-5 * std::max(1.0, std::abs(slope))) << d;
  }
}

TEST(GaussianProcessTest, FitFindsWhichCoordinateMatters) {
  const SearchSpace space(SpaceBuilder().Linear("x", 0, 1).Linear("y", 0, 1).Random(1));
  std::vector<Point> points;
  VectorXd values(30);
  for (int i = 0; i < 30; ++i) {
    points.push_back({std::fmod(0.618034 * i, 1), std::fmod(0.754878 * i, 1)});
    values[i] = std::sin(7 * points.back()[0]);
  }
  const GaussianProcess process(space, points, values);
  const VectorXd fitted = process.Fit(40);
  EXPECT_LT(fitted[0] + 1, fitted[1]);  // the length of y is far longer
  VectorXd gradient;
  EXPECT_GT(process.LogPosterior(fitted, gradient),
            process.LogPosterior(GaussianProcess::Typical(2), gradient));
}

}  // namespace
}  // namespace tpsweep::server
