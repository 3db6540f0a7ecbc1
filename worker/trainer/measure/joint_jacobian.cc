#include "worker/trainer/measure/joint_jacobian.h"

#include <limits>

#include "worker/trainer/jacobian_factors.h"
#include "worker/trainer/measure/angle.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

// A^T (P, N): a column holds the gradient of one output of one sample, the weights
// column by column and then, if asked for, the biases.
template <class S>
Matrix<double> TransposedJacobian(const Subject<S>& subject, int l, const Matrix<S>& preactivation,
                                  bool has_bias) {
  const auto at = static_cast<size_t>(l);
  const Matrix<S>& weight = subject.network.weight(l).value;
  const Matrix<S>& below = subject.pass.h[at - 1];
  const Index batch = below.cols();
  const Index num_weights = weight.size();
  Matrix<double> jacobian(num_weights + (has_bias ? weight.rows() : 0), preactivation.cols());
  ParallelFor(static_cast<size_t>(jacobian.cols()), [&](size_t column) {
    const auto j = static_cast<Index>(column);
    const Index b = j % batch;
    Matrix<S> grad_w(weight.rows(), weight.cols());
    Matrix<S> grad_b(weight.rows(), 1);
    if (subject.network.is_conv(l)) {
      const PoolOrigins& origins = subject.pass.pool_origin[at];
      const PoolOrigins origin = origins.size() == 0 ? origins : PoolOrigins(origins.col(b));
      ConvGradient<S>(*subject.network.shape(l).conv, preactivation.col(j), origin, below.col(b),
                      grad_w, &grad_b);
    } else {
      grad_w.noalias() =
          preactivation.col(j) * subject.network.input(l, subject.pass).col(b).transpose();
      grad_b = preactivation.col(j);
    }
    jacobian.col(j).head(num_weights) = grad_w.reshaped().template cast<double>();
    if (has_bias) jacobian.col(j).tail(weight.rows()) = grad_b.col(0).template cast<double>();
  });
  return jacobian;
}

template <class S>
constexpr double kRoundoff = static_cast<double>(std::numeric_limits<S>::epsilon());

constexpr double kLeastSingularValue = 1e-12;

}  // namespace

template <class S>
WeightAndBias GaussNewtonAngle(const Subject<S>& subject, int l, const Matrix<S>& preactivation,
                               double damping) {
  const Parameter<S>& weight = subject.network.weight(l);
  const Parameter<S>* bias = subject.network.bias(l);
  Matrix<double> jacobian = TransposedJacobian(subject, l, preactivation, bias != nullptr);
  JacobianFactors factors;
  factors.Compute(jacobian, kRoundoff<S>);
  // Entry k B + b.
  const Matrix<double> e = subject.pass.output_error.template cast<double>().transpose();
  Eigen::VectorXd step(jacobian.rows());
  factors.Step(damping, e.reshaped(), step);
  const Index num_weights = weight.value.size();
  return {
      Angle(step.head(num_weights), weight.gradient.reshaped()),
      bias == nullptr ? kNone : Angle(step.tail(step.size() - num_weights), bias->gradient.col(0))};
}

template <class S>
double NullspaceRatio(const Subject<S>& subject, int l, const Matrix<S>& preactivation) {
  Matrix<double> jacobian = TransposedJacobian(subject, l, preactivation, /*has_bias=*/false);
  JacobianFactors factors;
  factors.Compute(jacobian, kRoundoff<S>);
  const Eigen::VectorXd update =
      subject.network.weight(l).gradient.reshaped().template cast<double>();
  return factors.NullNorm(update, kLeastSingularValue) / update.norm();
}

template WeightAndBias GaussNewtonAngle(const Subject<float>&, int, const Matrix<float>&, double);
template WeightAndBias GaussNewtonAngle(const Subject<double>&, int, const Matrix<double>&, double);
template double NullspaceRatio(const Subject<float>&, int, const Matrix<float>&);
template double NullspaceRatio(const Subject<double>&, int, const Matrix<double>&);

}  // namespace tpsweep::trainer
