#include "common/statistics/summary.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "common/random.h"
#include "common/statistics/distributions.h"

namespace tpsweep::statistics {
namespace {

// The reference numbers of these tests are SciPy 1.10's, or sums by hand.

TEST(Distributions, AgreeWithReferences) {
  EXPECT_NEAR(StudentTwoSided(2.5, 4.3), 0.06244807463621134, 1e-12);
  EXPECT_NEAR(StudentTwoSided(-40, 2), 0.0006244146721847406, 1e-13);
  EXPECT_NEAR(StudentQuantile(0.975, 3), 3.182446305284263, 1e-10);
  EXPECT_NEAR(StudentQuantile(0.025, 7.5), -2.3330396265553763, 1e-9);
  EXPECT_NEAR(NormalTwoSided(-1.7), 0.08913092551708608, 1e-13);
  EXPECT_NEAR(BinomialCdf(3, 20, 0.21), 0.36895081674001406, 1e-12);
  EXPECT_NEAR(BinomialCdf(1000, 2000, 0.5), 0.5089195055729268, 1e-12);
  EXPECT_EQ(BinomialCdf(-1, 5, 0.3), 0);
  EXPECT_EQ(BinomialCdf(5, 5, 0.3), 1);
}

TEST(Distributions, DoNotThrow) {
  EXPECT_TRUE(std::isnan(StudentQuantile(2, 3)));
  EXPECT_TRUE(std::isnan(BinomialCdf(1, 3, -1)));
}

TEST(Summary, IsMeanDeviationAndStudentsInterval) {
  const std::vector<double> values = {0.131, 0.127, 0.142, 0.119, 0.136, 0.128};
  EXPECT_NEAR(Mean(values), 0.1305, 1e-15);
  EXPECT_NEAR(*SampleDeviation(values), std::sqrt(0.0003135 / 5), 1e-15);
  const auto interval = StudentInterval(values, 0.95);
  EXPECT_NEAR(interval->low, 0.1221902189723335, 1e-10);
  EXPECT_NEAR(interval->high, 0.1388097810276665, 1e-10);
}

TEST(Summary, OneValueHasNoSpread) {
  EXPECT_EQ(Mean(std::vector<double>{0.25}), 0.25);
  EXPECT_FALSE(SampleDeviation(std::vector<double>{0.25}).has_value());
  EXPECT_FALSE(StudentInterval(std::vector<double>{0.25}, 0.95).has_value());
}

TEST(Summary, StudentsIntervalCoversTheMeanOfNormalValuesAsOftenAsItSays) {
  constexpr int kStudies = 4000;
  for (const int seeds : {2, 5, 20}) {
    RandomStream random(DeriveSeed(7, static_cast<uint64_t>(seeds)));
    int covered = 0;
    for (int study = 0; study < kStudies; ++study) {
      std::vector<double> values;
      for (int i = 0; i < seeds; ++i) values.push_back(3 + 0.5 * random.NextNormal());
      const Interval interval = *StudentInterval(values, 0.95);
      covered += interval.low <= 3 && 3 <= interval.high;
    }
    // Four standard deviations of the count.
    EXPECT_NEAR(covered / double{kStudies}, 0.95, 0.014) << seeds;
  }
}

}  // namespace
}  // namespace tpsweep::statistics
