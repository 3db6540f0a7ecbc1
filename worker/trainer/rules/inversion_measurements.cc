#include "worker/trainer/rules/inversion_measurements.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "worker/trainer/gemm.h"
#include "worker/trainer/measure/angle.h"
#include "worker/trainer/rules/inverse_solve.h"

namespace tpsweep::trainer {

LayerValues::LayerValues(int num_layers)
    : values_(static_cast<size_t>(num_layers), std::numeric_limits<double>::quiet_NaN()) {}

void LayerValues::AddTo(const std::string& name, v1::Measurement& measurement) const {
  if (std::all_of(values_.begin(), values_.end(), [](double v) { return std::isnan(v); })) return;
  auto& out = *(*measurement.mutable_vectors())[name].mutable_values();
  for (const double value : values_) out.Add(value);
}

template <class S>
double FeedbackAngle(absl::Span<const Matrix<S>* const> chain, const Matrix<S>& feedback) {
  Matrix<S> product = chain[0]->transpose(), next;
  for (size_t i = 1; i < chain.size(); ++i) {
    next.resize(product.rows(), chain[i]->rows());
    Gemm<S>(Transpose::kNo, product, Transpose::kYes, *chain[i], 1, 0, next);
    product.swap(next);
  }
  return Angle(feedback, -product);
}

template <class S>
double ErrorAngle(const Network<S>& network, const Pass<S>& pass, int l, Matrix<S> error) {
  const auto i = static_cast<size_t>(l);
  MultiplyByDerivative<S>(network.activation(l), pass.a[i], pass.h[i], error);
  return MeanAngleOfColumns(pass.delta[i], error);
}

template <class S>
double RelativeDistance(const Matrix<S>& x, const Matrix<S>& y) {
  double sum = 0;
  for (Index b = 0; b < y.cols(); ++b) {
    const auto reference = y.col(b).template cast<double>();
    sum += (x.col(b).template cast<double>() - reference).norm() / reference.norm();
  }
  return sum / static_cast<double>(y.cols());
}

template <class S>
void AddPbpAngles(const Network<S>& network, const Pass<S>& pass, v1::Measurement& measurement) {
  LayerValues angles(network.num_layers());
  PseudoInverse<S> inverse;
  Matrix<S> error;
  for (int l = 2; l <= network.num_layers(); ++l) {
    inverse.Factor(network.weight(l).value);
    inverse.Apply(pass.delta[static_cast<size_t>(l)], error);
    angles.Set(l - 1, ErrorAngle(network, pass, l - 1, error));
  }
  angles.AddTo("layer/pbp_angle", measurement);
}

template double FeedbackAngle(absl::Span<const Matrix<float>* const>, const Matrix<float>&);
template double FeedbackAngle(absl::Span<const Matrix<double>* const>, const Matrix<double>&);
template double ErrorAngle(const Network<float>&, const Pass<float>&, int, Matrix<float>);
template double ErrorAngle(const Network<double>&, const Pass<double>&, int, Matrix<double>);
template double RelativeDistance(const Matrix<float>&, const Matrix<float>&);
template double RelativeDistance(const Matrix<double>&, const Matrix<double>&);
template void AddPbpAngles(const Network<float>&, const Pass<float>&, v1::Measurement&);
template void AddPbpAngles(const Network<double>&, const Pass<double>&, v1::Measurement&);

}  // namespace tpsweep::trainer
