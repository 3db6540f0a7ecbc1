#include "server/search/sobol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace tpsweep::server {
namespace {

using ::testing::ElementsAre;

std::vector<double> PointAt(uint32_t index, std::vector<int> dimensions) {
  std::vector<double> point;
  for (const int d : dimensions) point.push_back(SobolDigits(d, index) * 0x1p-32);
  return point;
}

// As SciPy 1.10 has them (scipy.stats.qmc.Sobol, scramble=False).
TEST(SobolTest, PointsAreThoseOfJoeAndKuo) {
  EXPECT_THAT(PointAt(0, {0, 1, 2}), ElementsAre(0, 0, 0));
  EXPECT_THAT(PointAt(1, {0, 1, 2}), ElementsAre(0.5, 0.5, 0.5));
  EXPECT_THAT(PointAt(2, {0, 1, 2}), ElementsAre(0.75, 0.25, 0.25));
  EXPECT_THAT(PointAt(3, {0, 1, 2}), ElementsAre(0.25, 0.75, 0.75));
  EXPECT_THAT(PointAt(5, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}),
              ElementsAre(0.875, 0.875, 0.125, 0.375, 0.875, 0.625, 0.875, 0.375, 0.375, 0.125,
                          0.375, 0.875));
  EXPECT_THAT(PointAt(5, {38, 39}), ElementsAre(0.875, 0.375));
  EXPECT_THAT(PointAt(13, {36, 37, 38, 39}), ElementsAre(0.0625, 0.6875, 0.6875, 0.9375));
}

TEST(SobolTest, ScrambledPointsAreStillStratified) {
  for (int d = 0; d < kSobolDimensions; ++d) {
    for (const uint32_t begin : {0U, 64U}) {
      std::set<int> strata;
      for (uint32_t i = begin; i < begin + 64; ++i) {
        strata.insert(static_cast<int>(ScrambledSobol(7, d, i) * 64));
      }
      EXPECT_EQ(strata.size(), 64) << d;
    }
  }
}

TEST(SobolTest, PairsOfTheFirstDimensionsAreStratifiedTogether) {
  std::set<std::pair<int, int>> cells;
  for (uint32_t i = 0; i < 64; ++i) {
    cells.emplace(static_cast<int>(ScrambledSobol(3, 0, i) * 8),
                  static_cast<int>(ScrambledSobol(3, 1, i) * 8));
  }
  EXPECT_EQ(cells.size(), 64);
}

TEST(SobolTest, KeysScrambleDifferentlyAndWithoutBias) {
  double sum = 0;
  std::set<double> firsts;
  constexpr int kKeys = 2000;
  for (uint64_t key = 0; key < kKeys; ++key) {
    sum += ScrambledSobol(key, 3, 0);
    firsts.insert(ScrambledSobol(key, 3, 0));
  }
  EXPECT_NEAR(sum / kKeys, 0.5, 3.3 / std::sqrt(12.0 * kKeys));
  EXPECT_GT(firsts.size(), kKeys - 10);
}

TEST(SobolTest, DimensionsBeyondTheTableAreDrawn) {
  EXPECT_NE(ScrambledSobol(1, 40, 5), ScrambledSobol(1, 41, 5));
  EXPECT_EQ(ScrambledSobol(1, 40, 5), ScrambledSobol(1, 40, 5));
}

}  // namespace
}  // namespace tpsweep::server
