#include "worker/trainer/orthogonality.h"

#include <algorithm>

#include "worker/trainer/gemm.h"

namespace tpsweep::trainer {
namespace {

// Columns of W^T W that are computed together, down to the diagonal.
constexpr Index kTileWidth = 128;

// offdiag(W^T W). It is symmetric: what lies below the diagonal is copied, which saves
// nearly half of the product.
template <class S>
Matrix<S> OffDiagonalGram(const Matrix<S>& w) {
  const Index n = w.cols();
  Matrix<S> gram(n, n);
  for (Index begin = 0; begin < n; begin += kTileWidth) {
    const Index width = std::min(kTileWidth, n - begin);
    Gemm<S>(Transpose::kYes, w.leftCols(begin + width), Transpose::kNo, w.middleCols(begin, width),
            1, 0, gram.block(0, begin, begin + width, width));
    gram.block(begin, 0, width, begin) = gram.block(0, begin, begin, width).transpose();
  }
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
