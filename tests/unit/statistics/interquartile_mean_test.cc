#include "common/statistics/interquartile_mean.h"

#include <gmock/gmock.h>

#include <limits>
#include <vector>

#include "common/random.h"

namespace tpsweep::statistics {
namespace {

TEST(InterquartileMean, LeavesOutAQuarterAtEachEnd) {
  EXPECT_DOUBLE_EQ(InterquartileMean({{5, 1, 9, 2, 100, 4, 3, 8, 7}}), 5.4);
  EXPECT_DOUBLE_EQ(InterquartileMean({{1, 2, 9}}), 4);
  EXPECT_DOUBLE_EQ(InterquartileMean(std::vector<double>{7}), 7);
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_DOUBLE_EQ(InterquartileMean({{1, 2, 3, infinity}}), 2.5);
}

TEST(InterquartileMean, ItsIntervalIsReproducibleAndDependsOnTheSeed) {
  const std::vector<std::vector<double>> values = {{0.1, 0.12, 0.11, 0.15, 0.13, 0.125, 0.14}};
  const Interval once = InterquartileMeanInterval(values, 0.95, 5);
  const Interval again = InterquartileMeanInterval(values, 0.95, 5);
  const Interval other = InterquartileMeanInterval(values, 0.95, 6);
  EXPECT_EQ(once.low, again.low);
  EXPECT_EQ(once.high, again.high);
  EXPECT_TRUE(once.low != other.low || once.high != other.high);
  EXPECT_LT(once.low, InterquartileMean(values[0]));
  EXPECT_GT(once.high, InterquartileMean(values[0]));
}

TEST(InterquartileMean, ItsIntervalOfEqualValuesIsThatValue) {
  const Interval interval =
      InterquartileMeanInterval(std::vector<std::vector<double>>{{2, 2, 2}, {2}}, 0.95, 1);
  EXPECT_EQ(interval.low, 2);
  EXPECT_EQ(interval.high, 2);
}

// Two tasks of different levels: resampling within them, the levels add no spread.
TEST(InterquartileMean, StrataKeepTheirShareInEveryResample) {
  const std::vector<double> low = {0, 0, 0, 0}, high = {1, 1, 1, 1};
  const Interval apart =
      InterquartileMeanInterval(std::vector<std::vector<double>>{low, high}, 0.95, 1);
  EXPECT_EQ(apart.low, 0.5);
  EXPECT_EQ(apart.high, 0.5);
  const Interval together = InterquartileMeanInterval(
      std::vector<std::vector<double>>{{0, 0, 0, 0, 1, 1, 1, 1}}, 0.95, 1);
  EXPECT_LT(together.low, 0.3);
  EXPECT_GT(together.high, 0.7);
}

// Of normal values, whose interquartile mean is their mean.
TEST(InterquartileMean, ItsIntervalCoversNearlyAsOftenAsItSays) {
  constexpr int kStudies = 600;
  const auto coverage = [](int seeds) {
    RandomStream random(DeriveSeed(11, static_cast<uint64_t>(seeds)));
    int covered = 0;
    for (int study = 0; study < kStudies; ++study) {
      std::vector<double> values;
      for (int i = 0; i < seeds; ++i) values.push_back(random.NextNormal());
      const Interval interval = InterquartileMeanInterval({{values}}, 0.95, 1);
      covered += interval.low <= 0 && 0 <= interval.high;
    }
    return covered / double{kStudies};
  };
  EXPECT_GT(coverage(20), 0.90);
  EXPECT_LT(coverage(3), 0.85) << "too narrow for few values, as the header says";
}

}  // namespace
}  // namespace tpsweep::statistics
