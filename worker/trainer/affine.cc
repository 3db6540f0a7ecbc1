#include "worker/trainer/affine.h"

#include <algorithm>

#include "worker/trainer/gemm.h"
#include "worker/trainer/kernels.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {

template <class S>
void AffineMap(const Matrix<S>& w, const Matrix<S>* b, const ConstMatrixRef<S>& h, MatrixRef<S> a) {
  if (b == nullptr) {
    Gemm<S>(Transpose::kNo, w, Transpose::kNo, h, 1, 0, a);
  } else {
    GemmPlusColumn<S>(w, h, *b, a);
  }
}

template <class S>
void AffineGradient(const ConstMatrixRef<S>& delta, const ConstMatrixRef<S>& h, Matrix<S>& grad_w,
                    Matrix<S>* grad_b, S factor) {
  Gemm<S>(Transpose::kNo, delta, Transpose::kYes, h, factor, 0, grad_w);
  if (grad_b == nullptr) return;
  // Sums over the samples, in their order; a piece has some rows of all of them.
  constexpr Index kRows = 64;
  grad_b->setZero();
  ParallelFor(static_cast<size_t>((delta.rows() + kRows - 1) / kRows), [&](size_t piece) {
    const Index begin = static_cast<Index>(piece) * kRows;
    const auto count = static_cast<size_t>(std::min(kRows, delta.rows() - begin));
    for (Index j = 0; j < delta.cols(); ++j) {
      GetKernels<S>().add_scaled(count, factor, delta.col(j).data() + begin,
                                 grad_b->data() + begin);
    }
  });
}

template void AffineMap(const Matrix<float>&, const Matrix<float>*, const ConstMatrixRef<float>&,
                        MatrixRef<float>);
template void AffineMap(const Matrix<double>&, const Matrix<double>*, const ConstMatrixRef<double>&,
                        MatrixRef<double>);
template void AffineGradient(const ConstMatrixRef<float>&, const ConstMatrixRef<float>&,
                             Matrix<float>&, Matrix<float>*, float);
template void AffineGradient(const ConstMatrixRef<double>&, const ConstMatrixRef<double>&,
                             Matrix<double>&, Matrix<double>*, double);

}  // namespace tpsweep::trainer
