// The soft orthogonality regulariser: A-7 of the fact sheet of [GAIT].
#include "worker/trainer/orthogonality.h"

#include <gmock/gmock.h>

#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/initialiser.h"

namespace tpsweep::trainer {
namespace {

Matrix<double> Haar(Index rows, Index cols) {
  v1::Network spec;
  spec.set_initialiser(v1::INITIALISER_HAAR);
  Matrix<double> w(rows, cols);
  Initialise(spec, 5, w, rows);
  return w;
}

TEST(Orthogonality, IsZeroForOrthogonalColumnsOfAnyNorm) {
  for (const Index n : {1, 2, 7, 30}) {
    EXPECT_LT(OrthogonalityPenalty(Haar(n, n)), 1e-25);
    EXPECT_LT(OrthogonalityPenalty(Matrix<double>(3 * Haar(n + 4, n))), 1e-25);
    if (n > 1) {
      EXPECT_GT(OrthogonalityPenalty(Matrix<double>(Haar(n - 1, n))), 0.01);
    }
  }
}

TEST(Orthogonality, IsTheSumOfSquaredProductsOfDifferentColumns) {
  Matrix<double> w = RandomMatrix<double>(5, 4, 1);
  double sum = 0;
  for (Index i = 0; i < 4; ++i) {
    for (Index j = 0; j < 4; ++j) {
      if (i != j) sum += w.col(i).dot(w.col(j)) * w.col(i).dot(w.col(j));
    }
  }
  EXPECT_NEAR(OrthogonalityPenalty(w), sum, 1e-12 * sum);
  w.col(2) *= -1;
  EXPECT_NEAR(OrthogonalityPenalty(w), sum, 1e-12 * sum);
}

// Wide enough for several tiles of the product, the last one narrower.
TEST(Orthogonality, OfAWideMatrixIsThatOfThePlainProduct) {
  Trainee<double> trainee(SpecOfRule("bp"), {300, 7, 3});
  const Matrix<double> w = trainee.network.weight(1).value;
  Matrix<double> gram = w.transpose() * w;
  gram.diagonal().setZero();
  EXPECT_NEAR(OrthogonalityPenalty(w), gram.squaredNorm(), 1e-12 * gram.squaredNorm());
  AddOrthogonalityGradient(0.5, trainee.network);
  EXPECT_LT((trainee.network.weight(1).gradient - 2 * w * gram).norm(), 1e-12 * (w * gram).norm());
}

TEST(Orthogonality, GradientIsThatOfFiniteDifferencesAndIsAdded) {
  constexpr double kStep = 1e-5;
  constexpr double kStrength = 0.7;
  Trainee<double> trainee(SpecOfRule("bp"), {5, 4, 6, 3});
  trainee.ComputeGradients(RandomMatrix<double>(5, 3, 1), RandomTargets<double>(3, 3, 2));
  const Network<double> before = trainee.network;
  AddOrthogonalityGradient(kStrength, trainee.network);
  for (int l = 1; l <= 3; ++l) {
    Matrix<double> w = before.weight(l).value;
    const Matrix<double> added = trainee.network.weight(l).gradient - before.weight(l).gradient;
    for (Index i = 0; i < w.size(); ++i) {
      const double at = w.data()[i];
      w.data()[i] = at + kStep;
      const double up = OrthogonalityPenalty(w);
      w.data()[i] = at - kStep;
      const double down = OrthogonalityPenalty(w);
      w.data()[i] = at;
      EXPECT_NEAR(added.data()[i], kStrength * (up - down) / (2 * kStep), 1e-7);
    }
    EXPECT_EQ(trainee.network.bias(l)->gradient, before.bias(l)->gradient);
  }
}

TEST(Orthogonality, LeavesKernelsAlone) {
  Trainee<double> trainee(SpecOfRule("bp"), ConvShapes());
  AddOrthogonalityGradient(1, trainee.network);
  EXPECT_TRUE((trainee.network.weight(1).gradient.array() == 0).all());
  EXPECT_FALSE((trainee.network.weight(3).gradient.array() == 0).all());
}

}  // namespace
}  // namespace tpsweep::trainer
