#include "worker/trainer/loss.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {
namespace {

TEST(LossTest, OutputErrorIsTheGradient) {
  constexpr double kStep = 1e-6;
  for (const v1::Loss kind : {v1::LOSS_CROSS_ENTROPY, v1::LOSS_MSE, v1::LOSS_HALF_SQUARES}) {
    // One-hot rows, and soft ones whose sum is not 1.
    for (const Matrix<double>& y : {RandomTargets<double>(4, 6, 1),
                                    Matrix<double>(RandomMatrix<double>(4, 6, 2).cwiseAbs())}) {
      Matrix<double> h = RandomMatrix<double>(4, 6, 3);
      Matrix<double> e;
      EvaluateLoss(kind, h, y, &e);
      for (Index i = 0; i < h.size(); ++i) {
        const double at = h.data()[i];
        h.data()[i] = at + kStep;
        const double up = EvaluateLoss<double>(kind, h, y, nullptr).loss;
        h.data()[i] = at - kStep;
        const double down = EvaluateLoss<double>(kind, h, y, nullptr).loss;
        h.data()[i] = at;
        EXPECT_NEAR(e.data()[i], (up - down) / (2 * kStep), 1e-9);
      }
    }
  }
}

TEST(LossTest, KnownValues) {
  Matrix<double> h(2, 2), y(2, 2), e;
  h << 0, 3,  //
      0, 1;
  y << 1, 0,  //
      0, 1;
  const LossValue entropy = EvaluateLoss(v1::LOSS_CROSS_ENTROPY, h, y, &e);
  EXPECT_NEAR(entropy.loss, (std::log(2.0) + std::log(1 + std::exp(2.0))) / 2, 1e-15);
  EXPECT_NEAR(e(0, 0), -0.25, 1e-15);
  const LossValue squares = EvaluateLoss(v1::LOSS_MSE, h, y, &e);
  EXPECT_NEAR(squares.loss, (1 + 9) / 4.0, 1e-15);
  EXPECT_NEAR(e(0, 1), 2 * 3 / 4.0, 1e-15);
}

// From one class to more than any vector or buffer holds, with logits far apart.
TEST(LossTest, CrossEntropyOfAnyNumberOfClasses) {
  for (const Index classes : {1, 2, 9, 10, 257, 1000}) {
    const Matrix<float> h = 30 * RandomMatrix<float>(classes, 3, 1);
    const Matrix<float> y = RandomTargets<float>(classes, 3, 2);
    Matrix<float> e;
    const LossValue value = EvaluateLoss(v1::LOSS_CROSS_ENTROPY, h, y, &e);
    double expected = 0;
    for (Index b = 0; b < 3; ++b) {
      const Matrix<double> logits = h.col(b).cast<double>();
      const double log_sum =
          logits.maxCoeff() + std::log((logits.array() - logits.maxCoeff()).exp().sum());
      for (Index i = 0; i < classes; ++i) {
        const double target = y(i, b);
        if (target != 0) expected += target * (log_sum - logits(i)) / 3;
        EXPECT_NEAR(e(i, b), (std::exp(logits(i) - log_sum) - target) / 3, 1e-7) << classes;
      }
    }
    EXPECT_NEAR(value.loss, expected, 1e-13 * (1 + expected)) << classes;
  }
}

TEST(LossTest, HalfSquaresAreTheSumOverOutputs) {
  Matrix<double> h(2, 2), y(2, 2), e;
  h << 0, 3,  //
      0, 1;
  y << 1, 0,  //
      0, 1;
  EXPECT_NEAR(EvaluateLoss(v1::LOSS_HALF_SQUARES, h, y, &e).loss, (1 + 9) / 2.0 / 2, 1e-15);
  EXPECT_EQ(e, (h - y) / 2);
}

TEST(LossTest, OutputsBeyondTheTargetsAreRightWhateverTheyDo) {
  const Matrix<double> y = RandomTargets<double>(3, 5, 1);
  const Matrix<double> h = RandomMatrix<double>(3, 5, 2);
  for (const v1::Loss kind : {v1::LOSS_CROSS_ENTROPY, v1::LOSS_MSE, v1::LOSS_HALF_SQUARES}) {
    Matrix<double> wide(7, 5), e, wide_e;
    wide << h, 100 * RandomMatrix<double>(4, 5, 3);
    const LossValue value = EvaluateLoss(kind, h, y, &e);
    const LossValue wide_value = EvaluateLoss(kind, wide, y, &wide_e);
    EXPECT_EQ(wide_value.loss, value.loss);
    EXPECT_EQ(wide_value.num_misclassified, value.num_misclassified);
    EXPECT_EQ(wide_e.topRows(3), e);
    EXPECT_TRUE((wide_e.bottomRows(4).array() == 0).all());
  }
}

TEST(LossTest, TheFirstOfEqualOutputsIsTheAnswer) {
  const Matrix<double> h = Matrix<double>::Zero(3, 2);
  Matrix<double> y(3, 2);
  y << 1, 0,  //
      0, 1,   //
      0, 0;
  EXPECT_EQ(EvaluateLoss<double>(v1::LOSS_CROSS_ENTROPY, h, y, nullptr).num_misclassified, 1);
  EXPECT_EQ(EvaluateLoss<double>(v1::LOSS_MSE, h, y, nullptr).num_misclassified, 1);
}

TEST(LossTest, HugeLogitsDoNotOverflowAndNanShows) {
  Matrix<float> h(2, 1), y(2, 1), e;
  h << 1e30f, -1e30f;
  y << 1, 0;
  EXPECT_EQ(EvaluateLoss(v1::LOSS_CROSS_ENTROPY, h, y, &e).loss, 0);
  EXPECT_TRUE(e.allFinite());
  for (const Index at : {0, 1}) {
    h << 0, 0;
    h(at, 0) = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(EvaluateLoss(v1::LOSS_CROSS_ENTROPY, h, y, &e).loss));
    EXPECT_TRUE(std::isnan(EvaluateLoss(v1::LOSS_MSE, h, y, &e).loss));
  }
}

TEST(LossTest, OneHotRowsHaveTheirHeight) {
  Matrix<float> y(3, 2);
  FillOneHot<float>({2, 0}, 0.9, y);
  Matrix<float> expected(3, 2);
  expected << 0, 0.9f,  //
      0, 0,             //
      0.9f, 0;
  EXPECT_EQ(y, expected);
}

}  // namespace
}  // namespace tpsweep::trainer
