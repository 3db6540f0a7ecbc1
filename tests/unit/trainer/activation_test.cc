#include "worker/trainer/activation.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {
namespace {

constexpr v1::Activation kAll[] = {v1::ACTIVATION_LINEAR,  v1::ACTIVATION_TANH,
                                   v1::ACTIVATION_RELU,    v1::ACTIVATION_LEAKY_RELU,
                                   v1::ACTIVATION_SIGMOID, v1::ACTIVATION_INVERSE_LEAKY_RELU,
                                   v1::ACTIVATION_LOGIT};

Matrix<double> Inputs(v1::Activation kind) {
  Matrix<double> a = RandomMatrix<double>(7, 5, 1);
  // The logit lives on (0, 1).
  if (kind == v1::ACTIVATION_LOGIT) a = (a.array().abs() / 4).min(0.95).max(0.05).matrix();
  return a;
}

Activation Of(v1::Activation kind) {
  v1::Network spec;
  spec.set_activation(kind);
  spec.set_leaky_slope(0.2);
  return ActivationOf(spec.activation(), spec);
}

TEST(ActivationTest, DerivativeAgreesWithFiniteDifferences) {
  constexpr double kStep = 1e-6;
  for (const v1::Activation kind : kAll) {
    const Activation s = Of(kind);
    const Matrix<double> a = Inputs(kind);
    Matrix<double> h(a.rows(), a.cols()), up = h, down = h;
    Apply<double>(s, a, h);
    Apply<double>(s, (a.array() + kStep).matrix(), up);
    Apply<double>(s, (a.array() - kStep).matrix(), down);
    Matrix<double> d = Matrix<double>::Constant(a.rows(), a.cols(), 3);
    MultiplyByDerivative<double>(s, a, h, d);
    EXPECT_LT((d - 3 * (up - down) / (2 * kStep)).cwiseAbs().maxCoeff(), 1e-7)
        << v1::Activation_Name(kind);
    // The same of another matrix, which stays as it is.
    const Matrix<double> x = Matrix<double>::Constant(a.rows(), a.cols(), -6);
    Matrix<double> y(a.rows(), a.cols());
    MultiplyByDerivative<double>(s, a, h, -0.5, x, y);
    EXPECT_LT((y - d).cwiseAbs().maxCoeff(), 1e-15) << v1::Activation_Name(kind);
  }
}

TEST(ActivationTest, DerivativesAtZeroAreThoseOfTheAuthors) {
  for (const v1::Activation kind :
       {v1::ACTIVATION_RELU, v1::ACTIVATION_LEAKY_RELU, v1::ACTIVATION_INVERSE_LEAKY_RELU}) {
    const Matrix<double> zero = Matrix<double>::Zero(1, 1);
    Matrix<double> d = Matrix<double>::Constant(1, 1, 3);
    MultiplyByDerivative<double>(Of(kind), zero, zero, d);
    EXPECT_EQ(d(0, 0), 3) << v1::Activation_Name(kind);
  }
}

TEST(ActivationTest, TheFeedbackPathHasTheNetworksSlopeOrItsInverse) {
  v1::Network spec;
  spec.set_leaky_slope(0.2);
  EXPECT_EQ(ActivationOf(v1::ACTIVATION_LINEAR, spec).kind, v1::ACTIVATION_LINEAR);
  EXPECT_EQ(ActivationOf(v1::ACTIVATION_LEAKY_RELU, spec).slope, 0.2);
  EXPECT_EQ(ActivationOf(v1::ACTIVATION_INVERSE_LEAKY_RELU, spec).slope, 5);
}

TEST(ActivationTest, InversesUndoTheirActivation) {
  const Matrix<double> a = RandomMatrix<double>(4, 4, 2);
  for (const auto& [kind, inverse] :
       {std::pair(v1::ACTIVATION_LEAKY_RELU, v1::ACTIVATION_INVERSE_LEAKY_RELU),
        std::pair(v1::ACTIVATION_SIGMOID, v1::ACTIVATION_LOGIT)}) {
    v1::Network spec;
    spec.set_activation(kind);
    spec.set_leaky_slope(0.2);
    Matrix<double> h(4, 4), back(4, 4);
    Apply<double>(ActivationOf(spec.activation(), spec), a, h);
    Apply<double>(ActivationOf(inverse, spec), h, back);
    EXPECT_LT((back - a).cwiseAbs().maxCoeff(), 1e-14);
  }
}

}  // namespace
}  // namespace tpsweep::trainer
