#include "worker/trainer/measure/matrices.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "common/training/invertible_layers.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/measure/vectors.h"
#include "worker/trainer/orthogonality.h"
#include "worker/trainer/singular_values.h"
#include "worker/trainer/square_inverse.h"

namespace tpsweep::trainer {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

double ConditionNumber(const Matrix<double>& w, double roundoff) {
  const std::vector<double> s = SingularValues(w);
  const double zero = static_cast<double>(std::max(w.rows(), w.cols())) * roundoff * s.front();
  if (std::isnan(s.back())) return s.back();
  return s.back() > zero ? s.front() / s.back() : kInfinite;
}

template <class S>
double OrthogonalityDefect(const Matrix<S>& w) {
  const Index rank = std::min(w.rows(), w.cols());
  Matrix<S> gram(rank, rank);
  if (w.rows() > w.cols()) {
    Gemm<S>(Transpose::kYes, w, Transpose::kNo, w, 1, 0, gram);
  } else {
    Gemm<S>(Transpose::kNo, w, Transpose::kYes, w, 1, 0, gram);
  }
  gram.diagonal().array() -= 1;
  return std::sqrt(gram.template cast<double>().squaredNorm());
}

template <class S>
double InverseError(const Network<S>& network, int l, const Pass<S>& pass) {
  const Activation& s = network.activation(l);
  if (l < 2 || !HasSquareMatrix(network.shape(l)) || !HasInverse(s.kind)) return kNone;
  SquareInverse<S> inverse;
  inverse.Factorise(network.weight(l).value);
  if (inverse.is_singular()) return kInfinite;
  Matrix<S> back = pass.h[static_cast<size_t>(l)];
  Apply<S>(InverseOf(s), back, back);
  if (const Parameter<S>* bias = network.bias(l)) back.colwise() -= bias->value.col(0);
  inverse.Solve(back);
  const Matrix<double> x = network.input(l, pass).template cast<double>();
  return (back.template cast<double>() - x).norm() / x.norm();
}

// One entry a layer; kNone for convolutions.
template <class S>
void AddOfDenseLayers(const Subject<S>& subject, const std::string& name,
                      const std::function<double(int)>& of_layer, v1::Measurement& measurement) {
  std::vector<double> values;
  for (int l = 1; l <= subject.network.num_layers(); ++l) {
    values.push_back(subject.network.is_conv(l) ? kNone : of_layer(l));
  }
  AddVector(name, values, measurement);
}

}  // namespace

template <class S>
void AddWeightConditions(const Subject<S>& subject, v1::Measurement& measurement) {
  AddOfDenseLayers<S>(
      subject, "layer/weight_condition_number",
      [&](int l) {
        return ConditionNumber(subject.network.weight(l).value.template cast<double>(),
                               std::numeric_limits<S>::epsilon());
      },
      measurement);
}

template <class S>
void AddOrthogonality(const Subject<S>& subject, v1::Measurement& measurement) {
  AddOfDenseLayers<S>(
      subject, "layer/orthogonality_defect",
      [&](int l) { return OrthogonalityDefect(subject.network.weight(l).value); }, measurement);
  AddOfDenseLayers<S>(
      subject, "layer/orthogonality_offdiagonal",
      [&](int l) { return std::sqrt(OrthogonalityPenalty(subject.network.weight(l).value)); },
      measurement);
}

template <class S>
void AddInverseErrors(const Subject<S>& subject, v1::Measurement& measurement) {
  AddOfDenseLayers<S>(
      subject, "layer/inverse_error",
      [&](int l) { return InverseError(subject.network, l, subject.pass); }, measurement);
}

template void AddWeightConditions(const Subject<float>&, v1::Measurement&);
template void AddWeightConditions(const Subject<double>&, v1::Measurement&);
template void AddOrthogonality(const Subject<float>&, v1::Measurement&);
template void AddOrthogonality(const Subject<double>&, v1::Measurement&);
template void AddInverseErrors(const Subject<float>&, v1::Measurement&);
template void AddInverseErrors(const Subject<double>&, v1::Measurement&);

}  // namespace tpsweep::trainer
