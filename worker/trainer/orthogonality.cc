#include "worker/trainer/orthogonality.h"

#include "worker/trainer/gemm.h"

namespace tpsweep::trainer {
namespace {

// offdiag(W^T W).
template <class S>
Matrix<S> OffDiagonalGram(const Matrix<S>& w) {
  Matrix<S> gram(w.cols(), w.cols());
  Gemm<S>(Transpose::kYes, w, Transpose::kNo, w, 1, 0, gram);
  gram.diagonal().setZero();
  return gram;
}

}  // namespace

template <class S>
double OrthogonalityPenalty(const Matrix<S>& w) {
  return OffDiagonalGram(w).template cast<double>().squaredNorm();
}

template <class S>
void AddOrthogonalityGradient(double strength, Network<S>& network) {
  for (int l = 1; l <= network.num_layers(); ++l) {
    if (network.is_conv(l)) continue;
    Parameter<S>& weight = network.weight(l);
    Gemm<S>(Transpose::kNo, weight.value, Transpose::kNo, OffDiagonalGram(weight.value),
            static_cast<S>(4 * strength), 1, weight.gradient);
  }
}

template double OrthogonalityPenalty(const Matrix<float>&);
template double OrthogonalityPenalty(const Matrix<double>&);
template void AddOrthogonalityGradient(double, Network<float>&);
template void AddOrthogonalityGradient(double, Network<double>&);

}  // namespace tpsweep::trainer
