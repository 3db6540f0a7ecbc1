#include "common/statistics/t_tests.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "common/random.h"
#include "common/statistics/holm.h"

namespace tpsweep::statistics {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

const std::vector<double> kA = {0.131, 0.127, 0.142, 0.119, 0.136, 0.128};
const std::vector<double> kB = {0.139, 0.133, 0.141, 0.131, 0.152, 0.127};
const std::vector<double> kC = {0.21, 0.17, 0.24, 0.19};

// Of SciPy 1.10: ttest_ind(equal_var=False), ttest_rel.
TEST(WelchTest, AgreesWithReference) {
  const auto test = WelchTest(kA, kC, 0.95);
  ASSERT_TRUE(test.has_value());
  EXPECT_NEAR(test->t, -4.713169786135246, 1e-10);
  EXPECT_NEAR(test->degrees, 3.2835342850975033, 1e-10);
  EXPECT_NEAR(test->p_value, 0.014725057142618379, 1e-10);
  EXPECT_NEAR(test->difference, -0.072, 1e-12);
  EXPECT_NEAR(test->interval.low, -0.11832540115228593, 1e-10);
  EXPECT_NEAR(test->interval.high, -0.025674598847714093, 1e-10);
  EXPECT_NEAR(*test->effect_size, -3.362760257877044, 1e-10);
}

TEST(PairedTTest, AgreesWithReference) {
  const auto test = PairedTTest(kA, kB, 0.95);
  ASSERT_TRUE(test.has_value());
  EXPECT_NEAR(test->t, -2.3802777946288964, 1e-10);
  EXPECT_NEAR(test->p_value, 0.06314322217284213, 1e-10);
  EXPECT_NEAR(test->interval.low, -0.013866335664448538, 1e-10);
  EXPECT_NEAR(test->interval.high, 0.0005330023311152015, 1e-10);
  EXPECT_NEAR(*test->effect_size, -0.8169927739515515, 1e-10);
}

TEST(TTests, SwappedSidesSwapTheSign) {
  const auto there = WelchTest(kA, kC, 0.9), back = WelchTest(kC, kA, 0.9);
  EXPECT_DOUBLE_EQ(there->difference, -back->difference);
  EXPECT_DOUBLE_EQ(there->interval.low, -back->interval.high);
  EXPECT_DOUBLE_EQ(*there->effect_size, -*back->effect_size);
  EXPECT_DOUBLE_EQ(there->p_value, back->p_value);
}

TEST(TTests, NothingWhereNothingCanBeTested) {
  EXPECT_FALSE(WelchTest(std::vector<double>{1}, {{1, 2}}, 0.95).has_value());
  EXPECT_FALSE(WelchTest({{1, 1}}, {{2, 2}}, 0.95).has_value());
  EXPECT_FALSE(PairedTTest(std::vector<double>{1}, std::vector<double>{2}, 0.95).has_value());
  EXPECT_FALSE(PairedTTest({{1, 2}}, {{2, 3}}, 0.95).has_value()) << "the same difference twice";
  const auto two_pairs = PairedTTest({{1, 2}}, {{2, 5}}, 0.95);
  ASSERT_TRUE(two_pairs.has_value());
  EXPECT_FALSE(two_pairs->effect_size.has_value());
}

// With equal means: few seeds, unequal variances and numbers.
TEST(TTests, RejectFalselyAsRarelyAsTheySay) {
  constexpr int kStudies = 4000;
  RandomStream random(29);
  int welch = 0, paired = 0, covered = 0;
  for (int study = 0; study < kStudies; ++study) {
    std::vector<double> a, b, c;
    for (int i = 0; i < 6; ++i) {
      const double shared = random.NextNormal();
      a.push_back(shared + 0.3 * random.NextNormal());
      b.push_back(shared + 0.3 * random.NextNormal());
    }
    for (int i = 0; i < 12; ++i) c.push_back(3 * random.NextNormal());
    const TTest test = *WelchTest(a, c, 0.95);
    welch += test.p_value < 0.05;
    covered += test.interval.low <= 0 && 0 <= test.interval.high;
    paired += PairedTTest(a, b, 0.95)->p_value < 0.05;
  }
  EXPECT_NEAR(welch / double{kStudies}, 0.05, 0.015);
  EXPECT_EQ(covered, kStudies - welch) << "interval and p-value say the same";
  EXPECT_NEAR(paired / double{kStudies}, 0.05, 0.015);
}

TEST(EffectSize, IsUnbiasedForFewSeeds) {
  constexpr int kStudies = 20000;
  RandomStream random(31);
  double sum = 0;
  for (int study = 0; study < kStudies; ++study) {
    std::vector<double> a, b;
    for (int i = 0; i < 4; ++i) {
      a.push_back(1 + random.NextNormal());
      b.push_back(random.NextNormal());
    }
    sum += *WelchTest(a, b, 0.95)->effect_size / kStudies;
  }
  EXPECT_NEAR(sum, 1, 0.03);
}

// By hand: 4 x .005, 3 x .01, 2 x .03, and .04 raised to the one before.
TEST(Holm, MultipliesByWhatIsLeft) {
  EXPECT_THAT(HolmAdjusted({{0.01, 0.04, 0.03, 0.005}}),
              ElementsAre(DoubleNear(0.03, 1e-15), DoubleNear(0.06, 1e-15), DoubleNear(0.06, 1e-15),
                          DoubleNear(0.02, 1e-15)));
  EXPECT_THAT(HolmAdjusted({{0.4, 0.8}}), ElementsAre(0.8, 0.8));
  EXPECT_THAT(HolmAdjusted(std::vector<double>{0.04}), ElementsAre(0.04));
  EXPECT_TRUE(HolmAdjusted({}).empty());
}

}  // namespace
}  // namespace tpsweep::statistics
