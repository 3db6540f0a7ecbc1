#include "worker/trainer/affine.h"

#include "worker/trainer/gemm.h"
#include "worker/trainer/kernels.h"

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
                    Matrix<S>* grad_b) {
  Gemm<S>(Transpose::kNo, delta, Transpose::kYes, h, 1, 0, grad_w);
  if (grad_b == nullptr) return;
  const Kernels<S>& kernels = GetKernels<S>();
  grad_b->setZero();
  for (Index j = 0; j < delta.cols(); ++j) {
    kernels.add_scaled(static_cast<size_t>(delta.rows()), 1, delta.col(j).data(), grad_b->data());
  }
}

template void AffineMap(const Matrix<float>&, const Matrix<float>*, const ConstMatrixRef<float>&,
                        MatrixRef<float>);
template void AffineMap(const Matrix<double>&, const Matrix<double>*, const ConstMatrixRef<double>&,
                        MatrixRef<double>);
template void AffineGradient(const ConstMatrixRef<float>&, const ConstMatrixRef<float>&,
                             Matrix<float>&, Matrix<float>*);
template void AffineGradient(const ConstMatrixRef<double>&, const ConstMatrixRef<double>&,
                             Matrix<double>&, Matrix<double>*);

}  // namespace tpsweep::trainer
