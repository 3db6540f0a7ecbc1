#include "worker/trainer/jacobian.h"

#include <algorithm>
#include <limits>

#include "worker/trainer/jacobian_factors.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

// Samples that share one workspace.
constexpr Index kSamplesOfPiece = 8;

}  // namespace

template <class S>
void ComputeJacobians(const Network<S>& network, const Pass<S>& pass, Jacobians<S>& jacobians) {
  const int num_layers = network.num_layers();
  const Index outputs = network.size(num_layers);
  const Index batch = pass.h[0].cols();
  jacobians.activity.resize(pass.h.size());
  jacobians.preactivation.resize(pass.h.size());
  Matrix<S>& of_output = jacobians.activity.back();
  of_output.setZero(outputs, outputs * batch);
  for (Index k = 0; k < outputs; ++k) of_output.middleCols(k * batch, batch).row(k).setOnes();
  for (int l = num_layers; l >= 1; --l) {
    const auto at = static_cast<size_t>(l);
    Matrix<S>& delta = jacobians.preactivation[at];
    delta = jacobians.activity[at];
    for (Index k = 0; k < outputs; ++k) {
      MultiplyByDerivative<S>(network.activation(l), pass.a[at], pass.h[at],
                              delta.middleCols(k * batch, batch));
    }
    if (l == 1) break;
    jacobians.activity[at - 1].resize(network.size(l - 1), outputs * batch);
    network.BackwardLayer(l, delta, pass, jacobians.activity[at - 1]);
  }
}

template <class S>
void ComputeSteps(const Matrix<S>& stacked, const Matrix<S>& e, absl::Span<const double> dampings,
                  SampleSteps& steps) {
  const Index units = stacked.rows();
  const Index outputs = e.rows();
  const Index batch = e.cols();
  steps.step.resize(dampings.size());
  for (Matrix<double>& step : steps.step) step.resize(units, batch);
  steps.condition.resize(static_cast<size_t>(batch));
  ParallelFor(static_cast<size_t>((batch + kSamplesOfPiece - 1) / kSamplesOfPiece), [&](size_t i) {
    const Index begin = static_cast<Index>(i) * kSamplesOfPiece;
    JacobianFactors factors;
    Matrix<double> transposed(units, outputs);
    Eigen::VectorXd error(outputs);
    for (Index b = begin; b < std::min(batch, begin + kSamplesOfPiece); ++b) {
      for (Index k = 0; k < outputs; ++k) {
        transposed.col(k) = stacked.col(k * batch + b).template cast<double>();
      }
      error = e.col(b).template cast<double>();
      factors.Compute(transposed, static_cast<double>(std::numeric_limits<S>::epsilon()));
      for (size_t d = 0; d < dampings.size(); ++d) {
        factors.Step(dampings[d], error, steps.step[d].col(b));
      }
      steps.condition[static_cast<size_t>(b)] = factors.ConditionNumber();
    }
  });
}

template void ComputeJacobians(const Network<float>&, const Pass<float>&, Jacobians<float>&);
template void ComputeJacobians(const Network<double>&, const Pass<double>&, Jacobians<double>&);
template void ComputeSteps(const Matrix<float>&, const Matrix<float>&, absl::Span<const double>,
                           SampleSteps&);
template void ComputeSteps(const Matrix<double>&, const Matrix<double>&, absl::Span<const double>,
                           SampleSteps&);

}  // namespace tpsweep::trainer
