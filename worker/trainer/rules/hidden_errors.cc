#include "worker/trainer/rules/hidden_errors.h"

#include <cmath>

namespace tpsweep::trainer {

template <class S>
void HiddenErrors::Differentiate(const Activation& s, const Matrix<S>& a, const Matrix<S>& h,
                                 const Matrix<S>& error, Matrix<S>& delta) const {
  delta.resize(error.rows(), error.cols());
  MultiplyByDerivative<S>(s, a, h, 1, error, delta);
  if (derivative_twice_) MultiplyByDerivative<S>(s, a, h, delta);
}

template <class S>
void HiddenErrors::Scale(Matrix<S>& delta) const {
  const double bound = max_norm_ / static_cast<double>(delta.cols());
  for (Index b = 0; b < delta.cols(); ++b) {
    const double norm = std::sqrt(delta.col(b).template cast<double>().squaredNorm());
    if (norm > bound || (normalise_ && norm > 0)) delta.col(b) *= static_cast<S>(bound / norm);
  }
}

template void HiddenErrors::Differentiate(const Activation&, const Matrix<float>&,
                                          const Matrix<float>&, const Matrix<float>&,
                                          Matrix<float>&) const;
template void HiddenErrors::Differentiate(const Activation&, const Matrix<double>&,
                                          const Matrix<double>&, const Matrix<double>&,
                                          Matrix<double>&) const;
template void HiddenErrors::Scale(Matrix<float>&) const;
template void HiddenErrors::Scale(Matrix<double>&) const;

}  // namespace tpsweep::trainer
