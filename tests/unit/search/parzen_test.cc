#include "server/search/parzen.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/fakes/search_specs.h"

namespace tpsweep::server {
namespace {

double Density(const ParzenAxis& axis, double x) {
  Eigen::ArrayXd logs = Eigen::ArrayXd::Zero(axis.num_kernels() + 1);
  axis.AddLogDensities(x, logs);
  return std::exp(LogMeanExp(logs));
}

Axis Number01() { return Axis(SpaceBuilder().Linear("x", 0, 1).Random(1).space(0)); }

TEST(ParzenTest, DensitiesOfNumbersSumToOne) {
  const Axis axis = Number01();
  for (const ParzenAxis& parzen :
       {ParzenAxis::ByNeighbours(axis, {0.02, 0.3, 0.31, 0.97}),
        ParzenAxis::BySpread(axis, {0.02, 0.3, kAbsent, 0.97}, 0.5),
        ParzenAxis::BySpread(axis, {0.5}, 1), ParzenAxis::ByNeighbours(axis, {})}) {
    double sum = 0;
    constexpr int kCells = 20000;
    for (int i = 0; i < kCells; ++i) sum += Density(parzen, (i + 0.5) / kCells) / kCells;
    EXPECT_NEAR(sum, 1, 1e-4);
  }
}

TEST(ParzenTest, DensitiesOfAChoiceSumToTheNumberOfValues) {
  const Axis axis(SpaceBuilder().Choice("x", {Text("a"), Text("b"), Text("c")}).Random(1).space(0));
  const ParzenAxis parzen = ParzenAxis::ByNeighbours(axis, {0, 0, 2});
  const double a = Density(parzen, 0);
  const double b = Density(parzen, 1);
  const double c = Density(parzen, 2);
  EXPECT_NEAR(a + b + c, 3, 1e-9);
  EXPECT_GT(a, c);
  EXPECT_GT(c, b);
  EXPECT_GT(b, 0);
}

// One kernel at 0.5 with width 0.2 (what the narrowest of one trial, 1/3, allows is wider)
// and the prior.
TEST(ParzenTest, OneKernelByHand) {
  const Axis axis = Number01();
  const ParzenAxis parzen = ParzenAxis::BySpread(axis, {0.5}, 0.1);
  const double width = 1.0 / 3;
  const double inside = std::erf(0.5 / width / std::sqrt(2));
  const double peak = 1 / (width * std::sqrt(2 * M_PI) * inside);
  EXPECT_NEAR(Density(parzen, 0.5), (peak + 1) / 2, 1e-9);
}

TEST(ParzenTest, DrawsFollowTheDensity) {
  const Axis axis = Number01();
  const ParzenAxis parzen = ParzenAxis::ByNeighbours(axis, {0.1, 0.12, 0.15, 0.9});
  RandomStream random(3);
  constexpr int kDraws = 20000;
  constexpr int kBins = 10;
  double counts[kBins] = {};
  for (int i = 0; i < kDraws; ++i) {
    const double x = parzen.Draw(i % 5, random);
    ASSERT_GE(x, 0);
    ASSERT_LE(x, 1);
    ++counts[std::min(kBins - 1, static_cast<int>(x * kBins))];
  }
  for (int bin = 0; bin < kBins; ++bin) {
    double expected = 0;
    for (int i = 0; i < 200; ++i) expected += Density(parzen, (bin + (i + 0.5) / 200) / kBins);
    expected *= kDraws / 200.0 / kBins;
    EXPECT_NEAR(counts[bin], expected, 5 * std::sqrt(expected) + 5) << bin;
  }
}

}  // namespace
}  // namespace tpsweep::server
