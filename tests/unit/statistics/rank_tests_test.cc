#include "common/statistics/rank_tests.h"

#include <gmock/gmock.h>

#include <vector>

#include "common/random.h"

namespace tpsweep::statistics {
namespace {

// Of SciPy 1.10 (mannwhitneyu, wilcoxon) without ties; with ties by enumeration of all
// assignments.

TEST(MannWhitneyTest, AgreesWithReferences) {
  const auto plain = MannWhitneyTest({{1.1, 2.3, 0.4, 5.5, 3.2}}, {{2.9, 6.1, 7.7, 4.4}});
  EXPECT_NEAR(plain->p_value, 0.1111111111111111, 1e-12);
  EXPECT_NEAR(plain->superiority, 0.15, 1e-12);
  const auto ties = MannWhitneyTest({{1, 2, 2, 3, 5}}, {{2, 3, 4, 5, 6, 6}});
  EXPECT_NEAR(ties->p_value, 0.12554112554112554, 1e-12);
  EXPECT_NEAR(ties->superiority, 0.2, 1e-12);
  std::vector<double> a, b;
  for (int i = 0; i < 40; ++i) a.push_back((i * 37 % 101) / 10.0);
  for (int i = 0; i < 30; ++i) b.push_back((i * 53 % 97) / 10.0 + 1.5);
  const auto many = MannWhitneyTest(a, b);
  EXPECT_NEAR(many->p_value, 0.20410017333887998, 1e-9);
  EXPECT_NEAR(many->superiority, 0.41041666666666665, 1e-12);
}

TEST(MannWhitneyTest, OfEqualValuesSaysNothing) {
  EXPECT_FALSE(MannWhitneyTest({}, std::vector<double>{1}).has_value());
  const auto equal = MannWhitneyTest({{1, 1}}, {{1, 1, 1}});
  EXPECT_EQ(equal->p_value, 1);
  EXPECT_EQ(equal->superiority, 0.5);
  const std::vector<double> many(40, 2.0);
  EXPECT_EQ(MannWhitneyTest(many, many)->p_value, 1);
}

TEST(SignedRankTest, AgreesWithReferences) {
  const auto plain = SignedRankTest({{12.1, 11.4, 13.9, 10.2, 15.6, 9.8, 14.4, 13.0}},
                                    {{11.0, 11.9, 12.2, 9.9, 13.1, 10.7, 12.0, 11.6}});
  EXPECT_NEAR(plain->p_value, 0.078125, 1e-12);
  EXPECT_NEAR(plain->superiority, 0.8611111111111112, 1e-12);
  const auto ties = SignedRankTest({{3, 5, 2, 8, 6, 7}}, {{3, 4, 3, 6, 4, 9}});
  EXPECT_NEAR(ties->p_value, 0.8125, 1e-12);
  EXPECT_NEAR(ties->superiority, 0.6333333333333333, 1e-12);
  std::vector<double> a, b;
  for (int i = 0; i < 60; ++i) a.push_back((i * 37 % 101) / 10.0);
  for (int i = 0; i < 60; ++i) b.push_back((i * 53 % 97) / 10.0 + 0.7);
  EXPECT_NEAR(SignedRankTest(a, b)->p_value, 0.6063263313930185, 1e-9);
}

TEST(SignedRankTest, OfEqualPairsSaysNothing) {
  EXPECT_FALSE(SignedRankTest({{1, 2}}, {{1, 2}}).has_value());
}

TEST(RankTests, RejectFalselyNoOftenerThanTheySay) {
  constexpr int kStudies = 2000;
  RandomStream random(37);
  int independent = 0, paired = 0;
  for (int study = 0; study < kStudies; ++study) {
    std::vector<double> a, b;
    for (int i = 0; i < 8; ++i) {
      a.push_back(1 / (1e-3 + random.NextUniform()));
      b.push_back(1 / (1e-3 + random.NextUniform()));
    }
    independent += MannWhitneyTest(a, b)->p_value <= 0.05;
    paired += SignedRankTest(a, b)->p_value <= 0.05;
  }
  EXPECT_LE(independent, 130);
  EXPECT_LE(paired, 130);
  EXPECT_GT(independent, 40) << "near the level it may reach";
}

}  // namespace
}  // namespace tpsweep::statistics
