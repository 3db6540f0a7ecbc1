#include "common/statistics/expected_best.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/random.h"

namespace tpsweep::statistics {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Averages over all subsets, from Python's itertools.
TEST(ExpectedBest, IsTheAverageOverAllSubsets) {
  EXPECT_THAT(
      ExpectedBest({{0.9, 0.3, 0.5, 0.8, 0.3, 0.7}}),
      ElementsAre(DoubleNear(0.5833333333333334, 1e-12), DoubleNear(0.42666666666666664, 1e-12),
                  DoubleNear(0.35, 1e-12), DoubleNear(0.31333333333333324, 1e-12),
                  DoubleNear(0.3, 1e-12), DoubleNear(0.3, 1e-12)));
  EXPECT_THAT(ExpectedBest(std::vector<double>{4}), ElementsAre(4));
  EXPECT_TRUE(ExpectedBest({}).empty());
}

TEST(ExpectedBest, IsInfiniteWhereASubsetMayHaveNoValue) {
  EXPECT_THAT(ExpectedBest({{kInfinity, 1, kInfinity}}), ElementsAre(kInfinity, kInfinity, 1));
}

TEST(ExpectedBest, NeverRisesAndEndsAtTheBest) {
  RandomStream random(3);
  std::vector<double> values;
  for (int i = 0; i < 3000; ++i) values.push_back(random.NextNormal());
  const std::vector<double> expected = ExpectedBest(values);
  for (size_t i = 1; i < expected.size(); ++i) EXPECT_LE(expected[i], expected[i - 1] + 1e-12);
  EXPECT_DOUBLE_EQ(expected.back(), *std::min_element(values.begin(), values.end()));
}

// The best of n uniform values is 1/(n+1) on average: the estimate is right on average for
// every n up to N, where drawing with replacement would be too high.
TEST(ExpectedBest, IsUnbiased) {
  constexpr int kStudies = 20000, kTrials = 5;
  RandomStream random(17);
  std::vector<double> sum(kTrials);
  for (int study = 0; study < kStudies; ++study) {
    std::vector<double> values;
    for (int i = 0; i < kTrials; ++i) values.push_back(random.NextUniform());
    const std::vector<double> expected = ExpectedBest(values);
    for (size_t n = 0; n < kTrials; ++n) sum[n] += expected[n] / kStudies;
  }
  for (size_t n = 1; n <= kTrials; ++n) {
    EXPECT_NEAR(sum[n - 1], 1 / static_cast<double>(n + 1), 0.004) << n;
  }
}

// l and u of SciPy's binomial distribution; the values are their own ranks.
TEST(MedianBestBand, EndsAtOrderStatistics) {
  std::vector<double> ranks;
  for (int i = 20; i >= 1; --i) ranks.push_back(i);
  const std::vector<Interval> band = MedianBestBand(ranks, 0.95);
  ASSERT_EQ(band.size(), 20U);
  const auto expect = [&](size_t n, double low, double high) {
    EXPECT_EQ(band[n - 1].low, low) << n;
    EXPECT_EQ(band[n - 1].high, high) << n;
  };
  expect(1, 6, 15);
  expect(2, 2, 11);
  expect(3, 1, 9);
  expect(5, -kInfinity, 7);
  expect(20, -kInfinity, 4);
}

TEST(MedianBestBand, FewTrialsBoundNothing) {
  const std::vector<Interval> band = MedianBestBand({{0.1, 0.2, 0.3}}, 0.95);
  EXPECT_EQ(band[0].low, -kInfinity);
  EXPECT_EQ(band[0].high, kInfinity);
  EXPECT_EQ(band[2].high, 0.3);
}

// At least as often as it says, for a distribution as skewed as errors of a sweep are, and
// for one with ties and trials that have no value.
TEST(MedianBestBand, CoversTheMedianBest) {
  constexpr int kStudies = 1000, kTrials = 40;
  const auto quantile_of = [](bool is_coarse, double q) {
    const double value = std::exp(3 * q * q);
    if (!is_coarse) return value;
    return q > 0.8 ? kInfinity : std::ceil(value);
  };
  for (const bool is_coarse : {false, true}) {
    RandomStream random(DeriveSeed(23, is_coarse ? 1U : 0U));
    std::vector<int> covered(kTrials);
    for (int study = 0; study < kStudies; ++study) {
      std::vector<double> values;
      for (int i = 0; i < kTrials; ++i) {
        values.push_back(quantile_of(is_coarse, random.NextUniform()));
      }
      const std::vector<Interval> band = MedianBestBand(values, 0.95);
      for (size_t n = 1; n <= kTrials; ++n) {
        const double median = quantile_of(is_coarse, 1 - std::pow(0.5, 1 / static_cast<double>(n)));
        covered[n - 1] += band[n - 1].low <= median && median <= band[n - 1].high;
      }
    }
    for (size_t n = 1; n <= kTrials; ++n) EXPECT_GE(covered[n - 1], 930) << n << is_coarse;
  }
}

}  // namespace
}  // namespace tpsweep::statistics
