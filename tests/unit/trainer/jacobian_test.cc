#include "worker/trainer/jacobian.h"

#include <gmock/gmock.h>

#include <Eigen/LU>
#include <cmath>

#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/jacobian_factors.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

using Vector = Eigen::VectorXd;

// Sample b's Jacobian (n_L, n_l).
Matrix<double> JacobianOf(const Matrix<double>& stacked, Index outputs, Index b) {
  const Index batch = stacked.cols() / outputs;
  Matrix<double> jacobian(outputs, stacked.rows());
  for (Index k = 0; k < outputs; ++k) jacobian.row(k) = stacked.col(k * batch + b).transpose();
  return jacobian;
}

v1::Network ConvSpec() {
  v1::Network network = SpecOfRule("bp").network();
  for (const int channels : {3, 2}) {
    v1::Conv& conv = *network.add_layers()->mutable_conv();
    conv.set_channels(channels);
    conv.set_kernel(3);
    conv.set_stride(1);
    conv.set_padding(1);
    conv.set_pool(channels == 3 ? 3 : 1);
    conv.set_pool_stride(2);
    conv.set_pool_padding(1);
  }
  network.add_layers()->mutable_dense()->set_units(5);
  return network;
}

void ExpectFiniteDifferences(const Network<double>& network, const Matrix<double>& x) {
  Pass<double> pass;
  network.Forward(x, pass);
  Jacobians<double> jacobians;
  ComputeJacobians(network, pass, jacobians);
  const int last = network.num_layers();
  const Index outputs = network.size(last);
  constexpr double kStep = 1e-6;
  for (int l = 1; l <= last; ++l) {
    const auto at = static_cast<size_t>(l);
    const auto outputs_of = [&](Matrix<double> h) {
      for (int above = l + 1; above <= last; ++above) {
        Matrix<double> a(network.size(above), h.cols());
        network.ForwardLayer(above, h, a, a);
        h = a;
      }
      return h;
    };
    for (Index j = 0; j < network.size(l); ++j) {
      Matrix<double> up = pass.h[at], down = pass.h[at];
      up.row(j).array() += kStep;
      down.row(j).array() -= kStep;
      const Matrix<double> column = (outputs_of(up) - outputs_of(down)) / (2 * kStep);
      for (Index b = 0; b < x.cols(); ++b) {
        const Matrix<double> jacobian = JacobianOf(jacobians.activity[at], outputs, b);
        EXPECT_LT((jacobian.col(j) - column.col(b)).cwiseAbs().maxCoeff(), 1e-8) << l << " " << j;
      }
    }
  }
}

TEST(Jacobians, AreTheFiniteDifferencesOfTheNetwork) {
  v1::Network spec = SpecOfRule("bp").network();
  spec.set_output_activation(v1::ACTIVATION_SIGMOID);
  ExpectFiniteDifferences(Network<double>(spec, {4, 6, 5, 3}, {}, 1),
                          RandomMatrix<double>(4, 3, 2));
  const v1::Network conv = ConvSpec();
  ExpectFiniteDifferences(Network<double>(conv, *InferShapes(conv, {2, 6, 6}, 3), {}, 1),
                          RandomMatrix<double>(72, 3, 2));
}

// Stacked random Jacobians: units, outputs, rank.
Matrix<double> RandomJacobians(Index units, Index outputs, Index batch, Index rank) {
  Matrix<double> stacked(units, outputs * batch);
  for (Index b = 0; b < batch; ++b) {
    const Matrix<double> jacobian =
        RandomMatrix<double>(outputs, rank, static_cast<uint64_t>(2 * b)) *
        RandomMatrix<double>(rank, units, static_cast<uint64_t>(2 * b + 1));
    for (Index k = 0; k < outputs; ++k) stacked.col(k * batch + b) = jacobian.row(k).transpose();
  }
  return stacked;
}

struct Shape {
  Index units, outputs, rank;
};
constexpr Shape kShapes[] = {{7, 3, 3}, {3, 3, 3}, {2, 5, 2},   {1, 4, 1},
                             {8, 4, 2}, {3, 6, 2}, {30, 20, 20}};

// I5: J^T (J J^T + damping I)^-1 e = (J^T J + damping I)^-1 J^T e.
TEST(Steps, AreTheDampedOnesInBothForms) {
  constexpr Index kBatch = 19;
  for (const auto& [units, outputs, rank] : kShapes) {
    const Matrix<double> stacked = RandomJacobians(units, outputs, kBatch, rank);
    const Matrix<double> e = RandomMatrix<double>(outputs, kBatch, 99);
    SampleSteps steps;
    ComputeSteps(stacked, e, {0.3, 1e8}, steps);
    for (Index b = 0; b < kBatch; ++b) {
      const Matrix<double> j = JacobianOf(stacked, outputs, b);
      const Matrix<double> outer =
          j * j.transpose() + 0.3 * Matrix<double>::Identity(outputs, outputs);
      const Matrix<double> inner = j.transpose() * j + 0.3 * Matrix<double>::Identity(units, units);
      const Vector expected = j.transpose() * outer.inverse() * e.col(b);
      EXPECT_LT((steps.step[0].col(b) - expected).norm(), 1e-10 * (1 + expected.norm()));
      EXPECT_LT((inner.inverse() * j.transpose() * e.col(b) - expected).norm(),
                1e-10 * (1 + expected.norm()));
      // Much damping: the direction of the gradient.
      const Vector gradient = j.transpose() * e.col(b);
      EXPECT_LT((1e8 * steps.step[1].col(b) - gradient).norm(), 1e-4 * (1 + gradient.norm()));
    }
  }
}

// The four conditions of Moore and Penrose, of all columns of the pseudo-inverse.
TEST(Steps, WithoutDampingAreThoseOfThePseudoInverse) {
  for (const auto& [units, outputs, rank] : kShapes) {
    const Matrix<double> one = RandomJacobians(units, outputs, 1, rank);
    const Matrix<double> j = one.transpose();
    Matrix<double> inverse(units, outputs), almost(units, outputs);
    for (Index k = 0; k < outputs; ++k) {
      SampleSteps steps;
      ComputeSteps<double>(one, Matrix<double>::Identity(outputs, outputs).col(k), {0, 1e-9},
                           steps);
      inverse.col(k) = steps.step[0].col(0);
      almost.col(k) = steps.step[1].col(0);
      EXPECT_EQ(std::isinf(steps.condition[0]), rank < std::min(units, outputs));
    }
    EXPECT_LT((j * inverse * j - j).norm(), 1e-10 * j.norm());
    EXPECT_LT((inverse * j * inverse - inverse).norm(), 1e-10 * inverse.norm());
    EXPECT_LT((j * inverse - (j * inverse).transpose()).norm(), 1e-10);
    EXPECT_LT((inverse * j - (inverse * j).transpose()).norm(), 1e-10);
    EXPECT_LT((almost - inverse).norm(), 1e-5 * inverse.norm()) << "damping -> 0";
  }
}

TEST(Steps, OfNoErrorAreZeroAndOfNoNumbersAreNone) {
  Matrix<double> stacked = RandomJacobians(6, 3, 2, 3);
  SampleSteps steps;
  ComputeSteps<double>(stacked, Matrix<double>::Zero(3, 2), {0, 1}, steps);
  for (const Matrix<double>& step : steps.step) EXPECT_TRUE((step.array() == 0).all());
  stacked(0, 1) = NAN;  // sample 1
  ComputeSteps<double>(stacked, Matrix<double>::Ones(3, 2), {0}, steps);
  EXPECT_TRUE(steps.step[0].col(0).allFinite());
  EXPECT_TRUE(steps.step[0].col(1).array().isNaN().all());
}

TEST(Steps, AreTheSameBitsForAnyNumberOfThreads) {
  const Matrix<double> stacked = RandomJacobians(40, 10, 37, 10);
  const Matrix<double> e = RandomMatrix<double>(10, 37, 5);
  SampleSteps one;
  ComputeSteps(stacked, e, {0, 0.1}, one);
  const ScopedThreads threads(3);
  SampleSteps three;
  ComputeSteps(stacked, e, {0, 0.1}, three);
  EXPECT_EQ(three.step, one.step);
  EXPECT_EQ(three.condition, one.condition);
}

TEST(JacobianFactors, KnowConditionAndNullSpace) {
  // Singular values 2 and 0.5 along the first two axes.
  Matrix<double> transposed = Matrix<double>::Zero(4, 2);
  transposed(0, 0) = 2;
  transposed(1, 1) = 0.5;
  JacobianFactors factors;
  factors.Compute(transposed, 1e-16);
  EXPECT_NEAR(factors.ConditionNumber(), 4, 1e-12);
  const Vector v = (Vector(4) << 7, 5, 3, 4).finished();
  EXPECT_NEAR(factors.NullNorm(v, 1e-12), 5, 1e-12);
  EXPECT_NEAR(factors.NullNorm(v, 1), std::sqrt(50.0), 1e-12) << "0.5 counts as zero";
}

}  // namespace
}  // namespace tpsweep::trainer
