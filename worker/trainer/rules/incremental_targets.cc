#include "worker/trainer/rules/incremental_targets.h"

#include <cmath>

#include "worker/trainer/elementwise.h"

namespace tpsweep::trainer {
namespace {

// d = s'(a)^power * d, for -1, 0, 1 and 2.
template <class S>
void MultiplyByPower(const Activation& s, const Matrix<S>& a, const Matrix<S>& h, int power,
                     Matrix<S>& d) {
  if (power < 0) {
    MultiplyByDerivative<S>(InverseOf(s), h, a, d);
  }
  for (; power > 0; --power) MultiplyByDerivative<S>(s, a, h, d);
}

}  // namespace

template <class S>
double IncrementalTargets<S>::CarryThroughActivation(const Network<S>& network, int l,
                                                     const Pass<S>& pass, Matrix<S>& change) {
  const Activation& s = network.activation(l);
  const Matrix<S>& a = pass.a[static_cast<size_t>(l)];
  const Matrix<S>& h = pass.h[static_cast<size_t>(l)];
  if (options_.carry == v1::CARRY_DIFFERENCE) {
    MultiplyByPower(s, a, h, power_ - 1, change);
    return 1;
  }
  MultiplyByPower(s, a, h, power_, change);
  double gamma = options_.gamma;
  if (options_.carry == v1::CARRY_ADAPTIVE_GAMMA) {
    const double norm = std::sqrt(SumOfSquares<S>(change) / static_cast<double>(change.cols()));
    gamma = norm == 0 ? 1 : options_.perturbation / norm;
  }
  Scale<S>(static_cast<S>(gamma), change, change);
  this->InvertActivation(s, h, change);
  return gamma;
}

template class IncrementalTargets<float>;
template class IncrementalTargets<double>;

}  // namespace tpsweep::trainer
